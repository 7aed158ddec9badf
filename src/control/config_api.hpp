// Handlers of /api/v1/config: the whole configuration as one document, its revisions, and the way
// back to one of them.
//
// Control thread only.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse get_config(const Call& call);
ApiResponse put_config(const Call& call);
ApiResponse list_revisions(const Call& call);
ApiResponse roll_back(const Call& call);

}  // namespace penstock::control
