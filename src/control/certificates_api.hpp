// /api/v1/certificates: uploaded certificates as resources, by domain (SPEC section 9).
//
// Control thread only. Each handler answers for one method of one path; see the table in
// router.cpp. Keys come in and never go out.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse list_certificates(const Call& call);
/// Creates or updates.
ApiResponse put_certificate(const Call& call);
ApiResponse get_certificate(const Call& call);
ApiResponse delete_certificate(const Call& call);

}  // namespace penstock::control
