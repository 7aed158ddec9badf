// /api/v1/stats: what has been counted, of everything and of one route (SPEC section 10).
//
// Control thread only. Every field, its unit, window and error: docs/stats.md.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

/// Everything, and a page of the routes (?limit=&after=, as /routes has them).
ApiResponse get_stats(const Call& call);
/// One route and its backends.
ApiResponse get_route_stats(const Call& call);

}  // namespace penstock::control
