// /api/v1/auth-providers: who may use routes, as resources by id (SPEC sections 8 and 9).
//
// Control thread only. Each handler answers for one method of one path; see the table in
// router.cpp. Hashes and tokens come in and never go out.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse list_auth_providers(const Call& call);
ApiResponse create_auth_provider(const Call& call);
ApiResponse get_auth_provider(const Call& call);
/// Creates it or replaces it.
ApiResponse replace_auth_provider(const Call& call);
ApiResponse delete_auth_provider(const Call& call);

}  // namespace penstock::control
