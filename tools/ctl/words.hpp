// Numbers and states as tables show them.
//
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ctl/json_view.hpp"
#include "ctl/table.hpp"

namespace penstock::ctl {

/// "3" without a limit (0), else "3/100": as a warning from nine tenths on.
Cell against_limit(std::uint64_t count, std::uint64_t limit);
/// "alive", "dead", "maintenance".
Cell state_cell(const std::string& state);
/// "2/3 alive", by the backends' `state`.
Cell health_cell(JsonView backends);
/// Milliseconds: "0.42 ms", "12 ms", "3.1 s".
std::string milliseconds(double ms);
/// One number of a latency's ("p99"); empty where nothing was measured.
std::string latency(JsonView numbers, std::string_view which);
/// "512 B", "1.4 KiB", "38 MiB".
std::string bytes(double count);
/// Requests a second.
std::string rate(double a_second);
/// "3d 4h", "4h 12m", "12m 3s", "3s".
std::string age(std::uint64_t seconds);
std::string joined(JsonView texts);
/// The `name` (or kid, or id) of each object in a list.
std::string joined_names(JsonView objects);

/// Whole days from now to an RFC 3339 time; below 0: it has passed.
std::int64_t days_until(std::string_view when);
/// The days left on a certificate: a warning under 30, bad when over.
Cell days_cell(std::int64_t days);

}  // namespace penstock::ctl
