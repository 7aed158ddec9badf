// SecondCounts: how often something happened in each of the last seconds, over all workers.
//
// Any thread, without locks; for what is rare (failures, retries). A ring of words, each a second
// and its count; a second that comes round again takes the place of the old one.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

/// A moment's second of the monotonic clock; wraps round, and differences do too.
inline std::uint32_t second_of(TimePoint moment) noexcept {
    return static_cast<std::uint32_t>(
        std::chrono::floor<std::chrono::seconds>(moment.time_since_epoch()).count());
}

/// `Places`: at least as many as the seconds that are ever summed.
template <std::uint32_t Places>
class SecondCounts {
  public:
    void add(std::uint32_t second) noexcept {
        std::atomic<std::uint64_t>& place = words_[second % Places];
        std::uint64_t word = place.load();
        for (;;) {
            const std::uint64_t count = word >> 32 == second ? (word & UINT32_MAX) + 1 : 1;
            if (place.compare_exchange_weak(word, std::uint64_t{second} << 32 | count)) return;
        }
    }
    /// Of that second and the `more` before it.
    std::uint64_t sum(std::uint32_t second, std::uint32_t more) const noexcept {
        std::uint64_t total = 0;
        for (const auto& place : words_) {
            const std::uint64_t word = place.load();
            if (second - static_cast<std::uint32_t>(word >> 32) <= more) total += word & UINT32_MAX;
        }
        return total;
    }
    void clear() noexcept {
        for (auto& place : words_) place.store(0);
    }

  private:
    std::array<std::atomic<std::uint64_t>, Places> words_{};  // second | count
};

}  // namespace penstock::snapshot
