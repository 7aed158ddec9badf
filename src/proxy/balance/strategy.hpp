// What strategies have in common: their one signature, whom they may choose, and what they fall
// back to.
//
// Worker threads. A strategy allocates nothing and gives null only where nobody is eligible.
#pragma once

#include "proxy/balance/balancer.hpp"

namespace penstock::proxy::balance {

using Strategy = const snapshot::Upstream* (*)(const snapshot::Route& route,
                                               const Choice& choice) noexcept;

const snapshot::Upstream* round_robin(const snapshot::Route& route, const Choice& choice) noexcept;
const snapshot::Upstream* random(const snapshot::Route& route, const Choice& choice) noexcept;
const snapshot::Upstream* ip_hash(const snapshot::Route& route, const Choice& choice) noexcept;
const snapshot::Upstream* least_connections(const snapshot::Route& route,
                                            const Choice& choice) noexcept;
const snapshot::Upstream* least_latency(const snapshot::Route& route,
                                        const Choice& choice) noexcept;

/// Takes requests, and this one has not tried it yet.
bool is_eligible(const snapshot::Upstream& upstream, const Choice& choice) noexcept;

/// Any of those eligible, by weight, in one pass over all upstreams: also one that has been revived
/// since the sequence was laid out. For when the quick ways have found nobody.
const snapshot::Upstream* draw_from_all(const snapshot::Route& route,
                                        const Choice& choice) noexcept;

}  // namespace penstock::proxy::balance
