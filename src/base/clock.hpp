// Time as the loops see it: a monotonic clock read once a turn, and the wall clock in the forms
// HTTP wants.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// Later than any deadline: "no time-out".
inline constexpr TimePoint never = TimePoint::max();

/// Milliseconds since the Unix epoch.
std::uint64_t unix_milliseconds() noexcept;

/// What the wall clock showed at a loop's moments, so that differences are those of the loop's
/// clock. Looks at the system's clocks at most once a second. One a thread.
class WallClock {
  public:
    /// Nanoseconds since the Unix epoch at `moment`, which is `now` or earlier.
    std::int64_t at(TimePoint moment, TimePoint now) noexcept;

  private:
    TimePoint valid_until_{};
    std::int64_t ahead_ = 0;  // of the steady clock
};

/// "1994-11-06T08:49:37.000Z" (RFC 3339).
std::string rfc3339(std::uint64_t unix_ms);

/// The IMF-fixdate of RFC 9110 section 5.6.7, made anew at most once a second. One a thread.
class HttpDate {
  public:
    /// "Sun, 06 Nov 1994 08:49:37 GMT" for the moment `now`. Valid until the next call.
    std::string_view at(TimePoint now) noexcept;

  private:
    TimePoint valid_until_{};
    std::array<char, 30> text_{};
};

}  // namespace penstock
