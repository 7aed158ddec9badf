// Latency histograms: log-linear buckets, one worker's memory for them, and their sum.
//
// Log-linear as in HdrHistogram: an octave is cut into 64 buckets of equal width, so that a
// bucket's middle is within 1/128 (0.8%) of everything counted in it, from 4 µs to 2.4 hours; below
// that within 32 ns, above it the highest bucket is given. Only octaves that occur take memory: a
// chunk of 64 counters out of a bounded pool that the worker owns.
//
// One thread (a worker) writes a pool and the windows that use it; any thread may read at any time.
// Nothing is locked and nothing is unmapped while it is in use: a reader recognises what has been
// recycled under its eyes and leaves it out.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

namespace penstock::snapshot {

inline constexpr unsigned octave_buckets = 64;
inline constexpr unsigned octaves = 32;

struct Bucket {
    std::uint8_t octave = 0;
    std::uint8_t place = 0;
};

/// Negative durations count as none.
inline Bucket bucket_of(Duration duration) noexcept {
    constexpr int unit_bits = 6;  // a unit is 64 ns
    const std::int64_t nanoseconds = duration.count();
    const std::uint64_t units =
        nanoseconds < 0 ? 0 : static_cast<std::uint64_t>(nanoseconds) >> unit_bits;
    if (units < octave_buckets) return {0, static_cast<std::uint8_t>(units)};
    const auto width = static_cast<unsigned>(std::bit_width(units));  // at least 7
    if (width - 6 >= octaves) return {octaves - 1, octave_buckets - 1};
    return {static_cast<std::uint8_t>(width - 6),
            static_cast<std::uint8_t>((units >> (width - 7)) & (octave_buckets - 1))};
}

/// What stands for everything in the bucket.
Duration middle_of(Bucket bucket) noexcept;

/// A moment as windows and rings count it; of the monotonic clock. Periods start at 8, so that 0
/// is none and 7 before the first one are not negative.
struct Moment {
    static constexpr unsigned period_seconds = 10;
    std::uint32_t second = 0;
    std::uint32_t period = 0;
};

inline Moment moment_of(TimePoint now) noexcept {
    const auto second = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    return {second, second / Moment::period_seconds + 8};
}

/// How many periods a window covers, the present one included: the last 60 to 70 s.
inline constexpr std::uint32_t window_periods = 7;

/// The chunks of one worker. A chunk is taken for the present period and comes back by itself when
/// no window covers that period any more, whatever has become of its user meanwhile.
class HistogramPool {
  public:
    /// Of one worker; reserved at the first use, touched page by page.
    static constexpr std::size_t most_bytes = std::size_t{64} << 20;

    using Chunk = std::array<std::atomic<std::uint32_t>, octave_buckets>;
    static constexpr std::uint32_t none = 0;

    explicit HistogramPool(std::size_t bytes = most_bytes) noexcept
        : chunks_(static_cast<std::uint32_t>(bytes / sizeof(Chunk))) {}
    HistogramPool(const HistogramPool&) = delete;
    HistogramPool& operator=(const HistogramPool&) = delete;
    ~HistogramPool();

    // The worker's side.

    /// Before anything is taken or counted in a new period.
    void advance(std::uint32_t period) noexcept {
        if (period != period_.load(std::memory_order_relaxed)) begin(period);
    }
    /// A zeroed chunk for the present period, or none where the memory is used up.
    std::uint32_t take() noexcept;

    // Any thread.

    Chunk& at(std::uint32_t chunk) const noexcept {
        return base_.load(std::memory_order_acquire)[chunk];
    }
    /// Asked after something has been read of a chunk that was taken in `period`: false where it
    /// may have been given back, and used again, by then.
    bool still_has(std::uint32_t period) const noexcept {
        return period_.load(std::memory_order_relaxed) < period + window_periods;
    }
    std::size_t bytes_in_use() const noexcept {
        return in_use_.load(std::memory_order_relaxed) * sizeof(Chunk);
    }

  private:
    struct List {
        std::uint32_t head = none;
        std::uint32_t tail = none;
        std::uint32_t count = 0;
    };

    void begin(std::uint32_t period) noexcept;
    bool reserve() noexcept;
    std::size_t bytes() const noexcept { return chunks_ * (sizeof(Chunk) + sizeof(std::uint32_t)); }

    const std::uint32_t chunks_;
    std::uint32_t end_ = 1;  // chunks from here on have never been taken; 0 is none
    bool failed_ = false;    // there was no memory to reserve
    std::atomic<Chunk*> base_{nullptr};
    std::uint32_t* next_ = nullptr;  // by chunk: behind it in its list
    std::uint32_t free_ = none;
    std::array<List, window_periods> taken_;  // by period
    std::atomic<std::uint32_t> period_{0};
    std::atomic<std::uint32_t> in_use_{0};
};

enum class Phase : std::uint8_t { queue, connect, first_byte, total };
inline constexpr unsigned phases = 4;

/// What latency windows add up to; plain values, whoever reads owns it.
class Histogram {
  public:
    void add(unsigned octave, unsigned place, std::uint64_t count) noexcept {
        counts_[octave][place] += count;
        used_ |= 1U << octave;
        total_ += count;
    }
    void merge(const Histogram& other) noexcept;

    std::uint64_t count() const noexcept { return total_; }
    /// Zero where nothing has been counted.
    Duration mean() const noexcept;
    Duration max() const noexcept;
    /// The least duration that `fraction` of all do not exceed; 0 < fraction <= 1.
    Duration quantile(double fraction) const noexcept;

  private:
    std::array<std::array<std::uint64_t, octave_buckets>, octaves> counts_{};
    std::uint32_t used_ = 0;  // octaves in which anything was counted, a bit each
    std::uint64_t total_ = 0;
};

/// The latencies of the last 60 to 70 s, in periods of 10 s, of every phase.
class LatencyWindow {
  public:
    /// The worker's side. False where the pool had no memory left: it is not counted.
    bool record(HistogramPool& pool, std::uint32_t period, Phase phase, Bucket bucket) noexcept;

    /// Any thread: adds what was counted of one phase in the window that ends with `period`.
    void collect(const HistogramPool& pool, std::uint32_t period, Phase phase,
                 Histogram& into) const noexcept;

    /// Any thread: visit(bucket, count) for what was counted of one phase in one period. False
    /// where there is nothing, or where it was recycled meanwhile: then what was visited is void.
    template <class Visit>
    bool visit_period(const HistogramPool& pool, std::uint32_t period, Phase phase,
                      Visit&& visit) const {
        const Slot& slot = slots_[period % window_periods];
        if (slot.period.load(std::memory_order_acquire) != period) return false;
        return visit_slot(pool, slot, period, phase, visit);
    }

  private:
    /// A period's root chunk has the counters' chunks of two phases, by octave.
    static constexpr unsigned phases_a_root = octave_buckets / octaves;
    struct Slot {
        std::atomic<std::uint32_t> period{0};  // 0: being changed, or never used
        std::array<std::atomic<std::uint32_t>, phases / phases_a_root> roots{};
    };

    template <class Visit>
    static bool visit_slot(const HistogramPool& pool, const Slot& slot, std::uint32_t period,
                           Phase phase, Visit&& visit);

    std::array<Slot, window_periods> slots_;
};

/// False where the slot or its chunks were recycled meanwhile: then its period is out of the
/// window.
template <class Visit>
bool LatencyWindow::visit_slot(const HistogramPool& pool, const Slot& slot, std::uint32_t period,
                               Phase phase, Visit&& visit) {
    const auto number = static_cast<unsigned>(phase);
    const std::uint32_t root = slot.roots[number / phases_a_root].load(std::memory_order_acquire);
    if (root == HistogramPool::none) return false;
    for (std::uint8_t octave = 0; octave < octaves; ++octave) {
        const std::uint32_t chunk = pool.at(root)[number % phases_a_root * octaves + octave].load(
            std::memory_order_acquire);
        if (chunk == HistogramPool::none) continue;
        // A number that stands in a recycled root may be any counter's value.
        if (!pool.still_has(period)) return false;
        const auto& counters = pool.at(chunk);
        for (std::uint8_t place = 0; place < octave_buckets; ++place) {
            const std::uint32_t count = counters[place].load(std::memory_order_acquire);
            if (count > 0) visit(Bucket{octave, place}, count);
        }
    }
    return slot.period.load(std::memory_order_relaxed) == period && pool.still_has(period);
}

}  // namespace penstock::snapshot
