// /openapi.json: the API's own description (OpenAPI 3.1), made from the table that routes requests
// and the list of fields that reads and validates them.
//
// Control thread; made once, at the first request for it.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

/// GET /openapi.json
ApiResponse get_openapi(const Call& call);

}  // namespace penstock::control
