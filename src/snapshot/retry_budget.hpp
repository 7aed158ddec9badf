// RetryBudget: how many retries a route may make, over all workers, so that a failing backend's
// load is not multiplied (SPEC section 6).
//
// Worker threads; touched only when something has failed. Counts retries by the second in a ring of
// ten; what may be spent is the larger of 10 a second and 20% of the route's requests, both over
// the last ten seconds (the window of Finagle's RetryBudget).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"
#include "snapshot/second_counts.hpp"

namespace penstock::snapshot {

class RetryBudget {
  public:
    static constexpr unsigned window_seconds = 10;
    static constexpr std::uint32_t least_a_second = 10;
    static constexpr std::uint32_t requests_a_retry = 5;  // 20%

    /// Takes one retry; false where the budget is spent. `requests`: of the route in the last
    /// window_seconds, over all workers.
    bool take(std::uint64_t requests, TimePoint now) noexcept {
        const std::uint32_t second = second_of(now);
        const std::uint64_t allowed = std::max<std::uint64_t>(
            std::uint64_t{least_a_second} * window_seconds, requests / requests_a_retry);
        if (retries_.sum(second, window_seconds - 1) >= allowed) return false;
        retries_.add(second);
        return true;
    }

  private:
    SecondCounts<window_seconds> retries_;
};

}  // namespace penstock::snapshot
