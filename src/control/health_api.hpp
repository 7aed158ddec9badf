// /healthz and /readyz: for whoever restarts the process, and for whoever sends it traffic.
//
// Control thread only.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

/// 200 while the control thread answers.
ApiResponse healthz(const Call& call);
/// 200 while workers serve a snapshot and take new connections; 503 before and while draining.
ApiResponse readyz(const Call& call);

}  // namespace penstock::control
