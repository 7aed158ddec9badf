// From configuration to what the data path reads: one checked RouteConfig becomes one Route.
//
// Control thread only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <penstock/config.hpp>

#include "snapshot/live_registry.hpp"
#include "snapshot/route.hpp"

namespace penstock::snapshot {

/// What a backend is at the moment, beside what it is configured to be.
struct BackendState {
    std::vector<net::Address> addresses;  // of its hostname; none: not resolved yet
    bool in_maintenance = false;
};

/// The state of a backend whose hostname is an address or "localhost".
BackendState state_of_literal(const Backend& backend);

/// At most this many addresses of one name are used.
inline constexpr std::size_t most_addresses = 16;

/// `config` has passed model::check(), its ids are complete. `states`: by place in its backends.
/// Takes references to live state, which release_live() gives back. The slot is the caller's to
/// fill.
std::unique_ptr<Route> compile(const RouteConfig& config, std::span<const BackendState> states,
                               LiveRegistry& registry);

void release_live(const Route& route, LiveRegistry& registry);

}  // namespace penstock::snapshot
