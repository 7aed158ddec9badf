#include "proxy/balance/balancer.hpp"

#include <array>

#include "base/assert.hpp"
#include "proxy/balance/strategy.hpp"

namespace penstock::proxy {

namespace {

struct Entry {
    BalancingStrategy strategy;
    balance::Strategy pick;
    bool counts_in_flight = false;
    bool measures_latency = false;
};

/// In the order of BalancingStrategy, which indexes it.
constexpr std::array strategies{
    Entry{BalancingStrategy::round_robin, &balance::round_robin},
    Entry{BalancingStrategy::ip_hash, &balance::ip_hash},
    Entry{BalancingStrategy::random, &balance::random},
    Entry{BalancingStrategy::least_latency, &balance::least_latency, true, true},
    Entry{BalancingStrategy::least_connections, &balance::least_connections, true, false},
};

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < strategies.size(); ++i) {
        if (static_cast<std::size_t>(strategies[i].strategy) != i) return false;
    }
    return true;
}
static_assert(is_in_order());

const Entry& entry_of(const snapshot::Route& route) noexcept {
    const auto index = static_cast<std::size_t>(route.strategy);
    PENSTOCK_ASSERT(index < strategies.size());
    return strategies[index];
}

}  // namespace

const snapshot::Upstream* pick_upstream(const snapshot::Route& route,
                                        const Choice& choice) noexcept {
    return entry_of(route).pick(route, choice);
}

void load::began(const snapshot::Route& route, const snapshot::Upstream& upstream,
                 TimePoint) noexcept {
    if (!entry_of(route).counts_in_flight) return;
    upstream.live->load.in_flight.fetch_add(1, std::memory_order_relaxed);
}

void load::answered(const snapshot::Route& route, const snapshot::Upstream& upstream,
                    Duration waited, TimePoint now) noexcept {
    if (entry_of(route).measures_latency) upstream.live->load.latency.record(waited, now);
}

void load::failed(const snapshot::Route& route, const snapshot::Upstream& upstream, Duration waited,
                  TimePoint now) noexcept {
    if (entry_of(route).measures_latency) upstream.live->load.latency.record_failure(waited, now);
}

void load::ended(const snapshot::Route& route, const snapshot::Upstream& upstream) noexcept {
    if (!entry_of(route).counts_in_flight) return;
    upstream.live->load.in_flight.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace penstock::proxy
