// Series: what one worker has counted of one route, one backend or everything; SeriesSet: that of
// every worker.
//
// A Series is written by its worker alone, with plain loads and stores, and read by any thread at
// any time without stopping it. Each change of the counters is bracketed by a version (a sequence
// lock with one writer), so that what is read of one worker is of one moment: received is then
// exactly completed + rejected + aborted + active + queued. Cost: docs/stats.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "snapshot/histogram.hpp"

namespace penstock::snapshot {

/// For ErrorKind in request_record.hpp, which needs the route, which needs this.
inline constexpr std::size_t error_slots = 20;

/// What is added at a request's end.
struct Ending {
    enum class To : std::uint8_t { completed, rejected, aborted };

    To to = To::completed;
    std::uint8_t error = 0;         // 0: none
    std::uint8_t status_class = 0;  // 1..5; 0: no status
    bool tunnelled = false;
    std::uint32_t retries = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

/// What has been counted, as plain numbers. Of a backend, `received` are the attempts at it and
/// `rejected` those that failed.
struct Counts {
    std::uint64_t received = 0;
    std::uint64_t completed = 0;
    std::uint64_t rejected = 0;
    std::uint64_t aborted = 0;
    std::uint64_t active = 0;
    std::uint64_t queued = 0;           // for a slot, and for auth
    std::uint64_t queued_for_auth = 0;  // of them
    std::uint64_t retries = 0;
    std::uint64_t tunnelled = 0;
    std::uint64_t unmeasured = 0;  // latencies for which there was no memory
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::array<std::uint64_t, 5> status{};            // 1xx..5xx
    std::array<std::uint64_t, error_slots> errors{};  // by kind

    Counts& operator+=(const Counts& other) noexcept;
};

class alignas(64) Series {
  public:
    // The worker's side.

    void begin(Moment moment) noexcept;
    void queue() noexcept { move(active_, queued_); }
    void dequeue() noexcept { move(queued_, active_); }
    void queue_for_auth() noexcept { move(active_, queued_, &queued_for_auth_, 1); }
    void dequeue_from_auth() noexcept {
        move(queued_, active_, &queued_for_auth_, ~std::uint32_t{0});
    }
    void end(const Ending& ending) noexcept;
    /// Not part of the counters above: a latency belongs to no moment's sum.
    void record(HistogramPool& pool, std::uint32_t period, Phase phase, Bucket bucket) noexcept {
        if (!latencies_.record(pool, period, phase, bucket)) increment(unmeasured_);
    }
    /// Brings into the cache what end() and record() will touch.
    void prefetch() const noexcept {
        const char* const second_line = reinterpret_cast<const char*>(this) + 64;
        __builtin_prefetch(second_line);
        __builtin_prefetch(second_line + 64);
    }

    // Any thread but, of counts(), a worker's: it may wait.

    /// Of one moment; where the system kept the worker suspended in the very middle of a change for
    /// 10 ms, each number may be off by one.
    Counts counts() const noexcept;
    const LatencyWindow& latencies() const noexcept { return latencies_; }

    /// Never waits. Begun in the last `seconds` whole seconds (1..60) and the present one, as the
    /// clock of `now` has them.
    std::uint64_t recent_requests(unsigned seconds, TimePoint now) const noexcept {
        const std::uint32_t present = moment_of(now).second;
        return begun_between(present - seconds, present);
    }
    /// Both seconds included, at most 61 of them.
    std::uint64_t begun_between(std::uint32_t first, std::uint32_t last) const noexcept;

  private:
    template <class T>
    static void increment(std::atomic<T>& number, T by = 1) noexcept {
        number.store(number.load(std::memory_order_relaxed) + by, std::memory_order_release);
    }
    void move(std::atomic<std::uint32_t>& from, std::atomic<std::uint32_t>& to,
              std::atomic<std::uint32_t>* also = nullptr, std::uint32_t by = 0) noexcept {
        open();
        increment(from, ~std::uint32_t{0});
        increment(to);
        if (also != nullptr) increment(*also, by);
        close();
    }
    void open() noexcept {
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void close() noexcept {
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    void turn_to(std::uint32_t second) noexcept;
    template <class Read>
    auto at_one_moment(bool may_wait, Read read) const noexcept;
    Counts copy() const noexcept;

    static constexpr std::uint32_t ring_seconds = 64;

    // Stores are releases and loads acquires, which costs nothing on x86: who sees a change has
    // seen that the version had been opened. The first line is all that begin() touches.
    std::atomic<std::uint32_t> version_{0};  // odd: a change is under way
    std::atomic<std::uint32_t> active_{0};
    std::atomic<std::uint32_t> queued_{0};
    std::atomic<std::uint32_t> second_{0};  // in which a request was begun last
    std::atomic<std::uint32_t> begun_in_second_{
        0};  // in that second; goes to the ring with its end
    std::atomic<std::uint32_t> queued_for_auth_{0};  // of queued_
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> completed_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> aborted_{0};
    std::atomic<std::uint64_t> bytes_out_{0};
    // The second line, and with it the windows: what end() touches too.
    std::array<std::atomic<std::uint64_t>, 5> status_{};
    std::atomic<std::uint64_t> bytes_in_{0};
    LatencyWindow latencies_;
    // Touched now and then.
    std::atomic<std::uint64_t> retries_{0};
    std::atomic<std::uint64_t> tunnelled_{0};
    std::atomic<std::uint64_t> unmeasured_{0};
    std::array<std::atomic<std::uint32_t>, ring_seconds> begun_{};  // by second, before second_
    std::array<std::atomic<std::uint64_t>, error_slots> errors_{};
};

/// One Series a worker, each made by its worker when it is first wanted, freed with the set.
class SeriesSet {
  public:
    explicit SeriesSet(unsigned workers) : workers_(workers) {
        if (workers <= at_hand_.size()) return;
        more_ = std::make_unique<std::atomic<Series*>[]>(workers);
        series_ = more_.get();
    }
    SeriesSet(const SeriesSet&) = delete;
    SeriesSet& operator=(const SeriesSet&) = delete;
    ~SeriesSet() {
        for (unsigned i = 0; i < workers_; ++i) delete series_[i].load(std::memory_order_acquire);
    }

    /// That worker's thread only.
    Series& of(unsigned worker) {
        PENSTOCK_ASSERT(worker < workers_);
        Series* own = series_[worker].load(std::memory_order_relaxed);
        if (own == nullptr) {
            own = new Series();
            series_[worker].store(own, std::memory_order_release);
        }
        return *own;
    }

    /// Any thread: visit(worker, series) for each that has been made.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (unsigned worker = 0; worker < workers_; ++worker) {
            const Series* one = series_[worker].load(std::memory_order_acquire);
            if (one != nullptr) visit(worker, *one);
        }
    }

    /// Any thread: over all workers; see Series.
    std::uint64_t recent_requests(unsigned seconds, TimePoint now) const noexcept {
        std::uint64_t total = 0;
        for_each([&](unsigned, const Series& one) { total += one.recent_requests(seconds, now); });
        return total;
    }

  private:
    // Of a few workers in place: one cache line less on the way to a route that is seldom asked
    // for.
    std::array<std::atomic<Series*>, 4> at_hand_{};
    std::atomic<Series*>* series_ = at_hand_.data();
    unsigned workers_;
    std::unique_ptr<std::atomic<Series*>[]> more_;
};

}  // namespace penstock::snapshot
