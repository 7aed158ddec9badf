// LEAST_CONNECTIONS: the fewest requests in flight for its weight, counted over all workers (as
// nginx's least_conn and HAProxy's leastconn do within theirs).
//
// Whoever has its turn in the weighted cycle is kept unless another has fewer: so equals share
// exactly, and a quiet route is balanced by weight. In-flight counts lie in a cache line a backend:
// a scan of 1,000 costs some microseconds, and what is eligible is only asked of those that lead.
#include "proxy/balance/strategy.hpp"

namespace penstock::proxy::balance {

const snapshot::Upstream* least_connections(const snapshot::Route& route,
                                            const Choice& choice) noexcept {
    const auto in_flight_of = [](const snapshot::Upstream& upstream) -> std::uint64_t {
        return upstream.live->load.in_flight.load(std::memory_order_relaxed);
    };
    const snapshot::Upstream* best = round_robin(route, choice);
    if (best == nullptr) return nullptr;
    std::uint64_t fewest = in_flight_of(*best);  // with best->weight
    std::uint64_t tied = 0;  // the weight of those that are drawn among; 0: it is still its turn
    for (const snapshot::Upstream& upstream : route.upstreams) {
        const std::uint64_t in_flight = in_flight_of(upstream);
        const std::uint64_t its_load = in_flight * best->weight;
        const std::uint64_t best_load = fewest * upstream.weight;
        if (its_load > best_load || (its_load == best_load && tied == 0)) continue;
        if (!is_eligible(upstream, choice)) continue;
        tied = its_load < best_load ? upstream.weight : tied + upstream.weight;
        if (choice.random.below(tied) < upstream.weight) {
            best = &upstream;
            fewest = in_flight;
        }
    }
    return best;
}

}  // namespace penstock::proxy::balance
