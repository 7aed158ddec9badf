#include "proxy/balance/strategy.hpp"

#include <algorithm>

#include "snapshot/eligible.hpp"

namespace penstock::proxy::balance {

bool is_eligible(const snapshot::Upstream& upstream, const Choice& choice) noexcept {
    return snapshot::takes_requests(upstream, choice.now) &&
           std::find(choice.tried.begin(), choice.tried.end(), &upstream) == choice.tried.end();
}

/// A weighted reservoir of one (Chao, 1982): health may change meanwhile, so there is no second
/// pass.
const snapshot::Upstream* draw_from_all(const snapshot::Route& route,
                                        const Choice& choice) noexcept {
    const snapshot::Upstream* drawn = nullptr;
    std::uint64_t total = 0;
    for (const snapshot::Upstream& upstream : route.upstreams) {
        if (!is_eligible(upstream, choice)) continue;
        total += upstream.weight;
        if (choice.random.below(total) < upstream.weight) drawn = &upstream;
    }
    return drawn;
}

}  // namespace penstock::proxy::balance
