// /api/v1/process: what may be done with the process itself.
//
// Handlers of the router's table; control thread.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

/// POST /api/v1/process/upgrade: 200 once a new process has taken this one's place, 409 where that
/// cannot be or is under way, 500 where it came to nothing.
ApiResponse upgrade_process(const Call& call);

}  // namespace penstock::control
