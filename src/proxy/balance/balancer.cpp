#include "proxy/balance/balancer.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace penstock::proxy {

namespace {

struct Entry {
    BalancingStrategy strategy;
    balance::Strategy pick;
};

constexpr std::array strategies{
    Entry{BalancingStrategy::round_robin, &balance::round_robin},
    Entry{BalancingStrategy::random, &balance::random},
};

}  // namespace

const snapshot::Upstream* pick_upstream(const snapshot::Route& route,
                                        const Choice& choice) noexcept {
    if (route.sequence.empty()) return nullptr;
    for (const Entry& entry : strategies) {
        if (entry.strategy == route.strategy) return &entry.pick(route, choice.random);
    }
    PENSTOCK_ASSERT(false && "validation lets no other strategy through");
    return nullptr;
}

bool has_eligible(const snapshot::Route& route, TimePoint now) noexcept {
    return std::any_of(route.upstreams.begin(), route.upstreams.end(), [now](const auto& upstream) {
        return upstream.weight > 0 && upstream.live->health.is_alive() &&
               upstream.live->circuit.permits(now);
    });
}

void load::began(const snapshot::Route&, const snapshot::Upstream&, TimePoint) noexcept {}
void load::answered(const snapshot::Route&, const snapshot::Upstream&, Duration,
                    TimePoint) noexcept {}
void load::failed(const snapshot::Route&, const snapshot::Upstream&, Duration, TimePoint) noexcept {
}
void load::ended(const snapshot::Route&, const snapshot::Upstream&) noexcept {}

}  // namespace penstock::proxy
