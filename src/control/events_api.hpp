// /api/v1/events: what happens to routes, backends, circuits and certificates, as server-sent
// events (SPEC section 9; docs/events.md).
//
// Control thread only.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse get_events(const Call& call);

}  // namespace penstock::control
