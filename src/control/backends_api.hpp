// /api/v1/routes/:vHost/backends: the backends of a route, one at a time (SPEC section 9).
//
// Control thread only. Each handler answers for one method of one path; see the table in
// router.cpp. A change of a backend is a change of its route, checked as a whole.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse create_backend(const Call& call);
ApiResponse get_backend(const Call& call);
ApiResponse patch_backend(const Call& call);
ApiResponse delete_backend(const Call& call);
/// POST .../dead: 200 with the backend; its requests under way finish, new ones it gets none.
ApiResponse begin_maintenance(const Call& call);
/// DELETE .../dead: 204; also puts one back that was found dead by requests.
ApiResponse end_maintenance(const Call& call);

}  // namespace penstock::control
