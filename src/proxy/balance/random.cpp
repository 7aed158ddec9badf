// RANDOM: a backend drawn in proportion to its weight, without any shared state.
#include "proxy/balance/balancer.hpp"

namespace penstock::proxy::balance {

const snapshot::Upstream& random(const snapshot::Route& route, Random& random) noexcept {
    return route.upstreams[route.sequence[random.below(route.sequence.size())]];
}

}  // namespace penstock::proxy::balance
