#include "proxy/balance/balancer.hpp"

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

void load::began(const snapshot::Route&, const snapshot::Upstream&, TimePoint) noexcept {}
void load::answered(const snapshot::Route&, const snapshot::Upstream&, Duration,
                    TimePoint) noexcept {}
void load::failed(const snapshot::Route&, const snapshot::Upstream&, Duration, TimePoint) noexcept {
}
void load::ended(const snapshot::Route&, const snapshot::Upstream&) noexcept {}

}  // namespace penstock::proxy
