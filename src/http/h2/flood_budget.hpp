// FloodBudget: how much of what costs us and carries nothing one HTTP/2 connection may send:
// resets, control frames, empty frames.
//
// A token bucket: so many at once, so many a second; what carries something may earn more. Past it
// the connection ends with ENHANCE_YOUR_CALM (SPEC section 2; CVE-2019-9511 to 9518,
// CVE-2023-44487, CVE-2025-8671).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::http::h2 {

class FloodBudget {
  public:
    static constexpr std::int64_t at_once = 200;
    static constexpr std::int64_t a_second = 50;

    explicit FloodBudget(TimePoint now) noexcept : filled_(now) {}

    /// False: spent.
    bool take(TimePoint now) noexcept {
        if (now > filled_) {
            using namespace std::chrono;
            constexpr nanoseconds price = nanoseconds(seconds(1)) / a_second;
            const std::int64_t earned = duration_cast<nanoseconds>(now - filled_) / price;
            filled_ += duration_cast<Duration>(price * earned);
            earn(earned);
        }
        return --left_ >= 0;
    }
    void earn(std::int64_t count = 1) noexcept { left_ = std::min(left_ + count, at_once); }

  private:
    TimePoint filled_;
    std::int64_t left_ = at_once;
};

}  // namespace penstock::http::h2
