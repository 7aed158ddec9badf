// BackendLoad: what LEAST_CONNECTIONS and LEAST_LATENCY know of a backend, over all workers.
//
// Worker threads, lock-free: one cache line of atomics, written only for routes whose strategy asks
// for it. The latency is an exponentially weighted moving average after Finagle's peak-EWMA, whose
// samples weigh by the time that passed between them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

/// Time to first byte of late. What is older than `window` counts as not known: such a backend is
/// given one trial at a time, which is how one that has recovered is found again.
class RecentLatency {
  public:
    static constexpr Duration window = std::chrono::seconds(5);
    /// A failure counts as an answer that took this long, however quickly it failed.
    static constexpr Duration failure_charge = std::chrono::seconds(1);

    struct Estimate {
        std::uint64_t ticks = 0;  // of 64 ns; 0: never measured
        bool is_current = false;  // measured within `window`
    };
    /// A measurement loses weight as it ages, down to a half: where two are close, the one that
    /// was not asked of late is asked again before its window ends.
    Estimate estimate(TimePoint now) const noexcept;

    /// True for one caller in a `window`: it may try a backend whose estimate is not current. A
    /// trial that nobody hears of again (its client left) thus costs no more than a window.
    bool take_trial(TimePoint now) noexcept;

    void record(Duration waited, TimePoint now) noexcept;
    void record_failure(Duration waited, TimePoint now) noexcept;

    static constexpr std::uint64_t ticks_of(Duration time) noexcept {
        return static_cast<std::uint64_t>(
                   std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()) /
               64;
    }

  private:
    void blend(std::uint64_t ticks, std::int64_t least_weight, TimePoint now) noexcept;

    /// ticks:32 | ms of the last sample on the monotonic clock, modulo 2^32:32. One word, so that
    /// both change at once.
    std::atomic<std::uint64_t> sample_{0};
    std::atomic<std::int64_t> next_trial_ms_{0};
};

struct alignas(64) BackendLoad {
    std::atomic<std::uint32_t> in_flight{0};
    RecentLatency latency;
};

}  // namespace penstock::snapshot
