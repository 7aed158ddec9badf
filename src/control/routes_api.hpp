// /api/v1/routes: the routes as resources (SPEC section 9).
//
// Control thread only. Each handler answers for one method of one path; see the table in
// router.cpp.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse list_routes(const Call& call);
ApiResponse create_route(const Call& call);
ApiResponse get_route(const Call& call);
ApiResponse replace_route(const Call& call);
ApiResponse patch_route(const Call& call);
ApiResponse delete_route(const Call& call);

/// The route that the path names, null where there is none; for backends_api too.
const RouteConfig* route_of(const Call& call);
ApiResponse no_such_route(const Call& call);
/// The answer to a change that the configuration refused.
ApiResponse refused(const Refusal& refusal);
/// 204 once the change is in force, or refused().
ApiResponse without_content(const Configuration::Outcome& outcome);

}  // namespace penstock::control
