// /metrics: what is counted and configured, for Prometheus (SPEC section 10; docs/metrics.md).
//
// Control thread only.
#pragma once

#include "control/call.hpp"

namespace penstock::control {

ApiResponse get_metrics(const Call& call);

}  // namespace penstock::control
