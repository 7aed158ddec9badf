// RANDOM: a backend drawn in proportion to its weight, without any shared state.
//
// The sequence holds each backend as often as its weight says. A draw that cannot be used is drawn
// again (rejection sampling), so that the others keep their proportions.
#include "proxy/balance/strategy.hpp"

namespace penstock::proxy::balance {

namespace {

constexpr int most_draws = 8;

}  // namespace

const snapshot::Upstream* random(const snapshot::Route& route, const Choice& choice) noexcept {
    if (!route.sequence.empty()) {
        for (int draw = 0; draw < most_draws; ++draw) {
            const std::uint64_t place = choice.random.below(route.sequence.size());
            const snapshot::Upstream& upstream = route.upstreams[route.sequence[place]];
            if (is_eligible(upstream, choice)) return &upstream;
        }
    }
    return draw_from_all(route, choice);
}

}  // namespace penstock::proxy::balance
