// RetryBudget: how many retries a route may make, over all workers, so that a failing backend's
// load is not multiplied (SPEC section 6).
//
// Worker threads; touched only when something has failed. Counts retries by the second in a ring of
// ten; what may be spent is the larger of 10 a second and 20% of the route's requests, both over
// the last ten seconds (the window of Finagle's RetryBudget).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

class RetryBudget {
  public:
    static constexpr unsigned window_seconds = 10;
    static constexpr std::uint32_t least_a_second = 10;
    static constexpr std::uint32_t requests_a_retry = 5;  // 20%

    /// Takes one retry; false where the budget is spent. `requests`: of the route in the last
    /// window_seconds, over all workers.
    bool take(std::uint64_t requests, TimePoint now) noexcept {
        const auto second = static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
        std::uint64_t spent = 0;
        for (const auto& slot : slots_) {
            const std::uint64_t word = slot.load(std::memory_order_relaxed);
            if (second - second_of(word) < window_seconds) spent += count_of(word);
        }
        const std::uint64_t allowed = std::max<std::uint64_t>(
            std::uint64_t{least_a_second} * window_seconds, requests / requests_a_retry);
        if (spent >= allowed) return false;
        auto& slot = slots_[second % window_seconds];
        std::uint64_t word = slot.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            const std::uint64_t count = second_of(word) == second ? count_of(word) + 1 : 1;
            next = std::uint64_t{second} << 32 | count;
        } while (!slot.compare_exchange_weak(word, next, std::memory_order_relaxed));
        return true;
    }

  private:
    static std::uint32_t second_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> 32);
    }
    static std::uint32_t count_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word);
    }

    std::array<std::atomic<std::uint64_t>, window_seconds> slots_{};  // second | retries in it
};

}  // namespace penstock::snapshot
