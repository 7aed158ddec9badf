// Events as text: one block of a stream of server-sent events each (HTML Living Standard, section
// 9.2).
//
// Pure functions, any thread. `data` is one line: a JSON object with the members' names as in the
// rest of the API.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/events.hpp>

#include "snapshot/sample_ring.hpp"

namespace penstock::control {

/// Where in which process's sequence of events somebody is: "BOOT-SEQUENCE", in hexadecimal and
/// decimal.
struct EventPosition {
    std::uint64_t boot = 0;  // when that process began, in its microseconds; no two are alike
    std::uint64_t sequence = 0;

    bool operator==(const EventPosition&) const = default;
};
std::string to_string(const EventPosition& position);
/// Empty where the text is none.
std::optional<EventPosition> parse_event_position(std::string_view text);

/// What became of one event, whole.
std::string event_block(std::uint64_t boot, const Event& event);

/// A request that has ended at `unix_ms`. It has no id: nobody comes back to it.
std::string sample_block(const snapshot::RequestSample& sample, std::uint64_t unix_ms);

/// Events that a client has missed for good: those from `from` to `to` of this process.
struct LostEvents {
    std::string_view reason;
    std::string_view last_seen;  // what it said it had seen; empty: nothing
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};
std::string lost_block(std::uint64_t boot, const LostEvents& lost);

/// What a stream begins with: where it begins, and when to come back once it has ended.
std::string opening_block(const EventPosition& position);

/// Says nothing but that the connection lives.
inline constexpr std::string_view heartbeat_block = ":\n\n";

}  // namespace penstock::control
