// Durations and sizes as people write them: "500ms", "60s", "5m", "1h"; "16k", "64m", "1g".
//
// Pure functions, any thread. A plain number is refused as a duration: its unit would be a guess.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

namespace penstock::model {

/// Longer than any sensible timeout, and safe to add to a clock: seven days.
inline constexpr std::chrono::milliseconds longest_duration = std::chrono::hours(24 * 7);

/// A whole number and one of ms, s, m, h; at most longest_duration.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The form parse_duration reads, in the largest unit that loses nothing ("60s" stays "60s").
std::string format_duration(std::chrono::milliseconds duration);

/// Bytes: a whole number, alone or with one of k, m, g (powers of 1,024, either case).
Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace penstock::model
