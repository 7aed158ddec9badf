// ROUND_ROBIN: smooth weighted round robin (nginx, 2012), exact over all workers.
//
// The order is computed once, by the control thread (snapshot::Route::sequence). Workers share one
// cursor: each fetch_add is one place in the cycle, so k times n sequential requests over n equal
// backends give each exactly k.
#include "proxy/balance/balancer.hpp"

namespace penstock::proxy::balance {

const snapshot::Upstream& round_robin(const snapshot::Route& route, Random&) noexcept {
    const std::uint64_t turn = route.live->cursor.fetch_add(1, std::memory_order_relaxed);
    return route.upstreams[route.sequence[turn % route.sequence.size()]];
}

}  // namespace penstock::proxy::balance
