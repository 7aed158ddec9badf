// The families of /metrics: each metric's name, type and help, and the rows it is shown of
// (docs/metrics.md).
//
// Control thread only.
#pragma once

#include "control/metrics/exposition.hpp"
#include "control/metrics/metered.hpp"

namespace penstock::control {

/// `penstock_server_…`: everything since the start.
void write_server_families(Exposition& out, const Metered& metered);
/// `penstock_…{vhost}`: the named routes, and the rest.
void write_route_families(Exposition& out, const Metered& metered);
/// `penstock_backend_…{vhost,backend}`: backends of named routes.
void write_backend_families(Exposition& out, const Metered& metered);

}  // namespace penstock::control
