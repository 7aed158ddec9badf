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
