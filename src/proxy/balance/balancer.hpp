// Balancing: which backend the next request of a route goes to.
//
// A strategy is one function in one file beside this one, and one line in the table in
// balancer.cpp. Called on worker threads; what workers share is in RouteLive and BackendLive.
#pragma once

#include "base/random.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

/// Null where no backend takes new requests.
const snapshot::Upstream* pick_upstream(const snapshot::Route& route, Random& random) noexcept;

namespace balance {

using Strategy = const snapshot::Upstream& (*)(const snapshot::Route& route,
                                               Random& random) noexcept;

/// Both want a route whose sequence is not empty.
const snapshot::Upstream& round_robin(const snapshot::Route& route, Random& random) noexcept;
const snapshot::Upstream& random(const snapshot::Route& route, Random& random) noexcept;

}  // namespace balance

}  // namespace penstock::proxy
