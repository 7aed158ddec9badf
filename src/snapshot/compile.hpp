// From configuration to what the data path reads: one checked RouteConfig becomes one Route.
//
// Control thread only.
#pragma once

#include <memory>

#include <penstock/config.hpp>

#include "snapshot/live_registry.hpp"
#include "snapshot/route.hpp"

namespace penstock::snapshot {

/// `config` has passed model::check(), its ids are complete. Takes references to live state, which
/// release_live() gives back. The slot is the caller's to fill.
std::unique_ptr<Route> compile(const RouteConfig& config, LiveRegistry& registry);

void release_live(const Route& route, LiveRegistry& registry);

}  // namespace penstock::snapshot
