// NodeState: what a process keeps for itself beside the configuration: who it is, and what its TLS
// session tickets are sealed with.
//
// Control thread. Where the store cannot be written to, the process goes on with what is new to it.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "control/store/store.hpp"
#include "net/tls/ticket_keys.hpp"

namespace penstock::control {

/// This moment, on both clocks: what is stored outlives the monotonic one.
struct Moment {
    TimePoint now;
    std::uint64_t unix_ms = 0;

    static Moment present() { return {Clock::now(), unix_milliseconds()}; }
};

struct NodeState {
    std::string id;  // 8 hex digits
    net::tls::TicketSeed tickets;
};

/// As stored, or else made and stored.
Result<NodeState> load_node_state(Store& store, const Moment& moment);

/// Stores the seed as it is at that moment: of what lies longer back than tickets are good, nothing
/// is left.
Result<void> store_tickets(Store& store, const net::tls::TicketSeed& seed, const Moment& moment);

/// The file that was applied last (--config), as a row to be committed with its content.
RowChange applied_file_row(std::string hash);
/// Empty: none.
Result<std::string> applied_file(Store& store);

}  // namespace penstock::control
