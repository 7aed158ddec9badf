// Strategies: exact shares for ROUND_ROBIN over many threads, shares by weight for RANDOM.
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "proxy/balance/balancer.hpp"

using namespace penstock;

namespace {

snapshot::Route route_of(BalancingStrategy strategy, std::vector<std::uint16_t> sequence,
                         snapshot::RouteLive& live) {
    snapshot::Route route;
    route.strategy = strategy;
    for (int i = 0; i < 4; ++i) {
        route.upstreams.emplace_back();
        route.upstreams.back().id = std::to_string(i);
    }
    route.sequence = std::move(sequence);
    route.live = &live;
    return route;
}

}  // namespace

TEST_CASE("round robin gives each backend exactly its share, whoever asks", "[threads]") {
    snapshot::RouteLive live(1);
    const snapshot::Route route =
        route_of(BalancingStrategy::round_robin, {0, 1, 0, 2, 0, 3}, live);
    std::map<std::string, int> shares;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            Random random;
            std::map<std::string, int> own;
            for (int i = 0; i < 3'000; ++i)
                ++own[proxy::pick_upstream(route, {random, Clock::now()})->id];
            const std::lock_guard lock(mutex);
            for (const auto& [id, count] : own) shares[id] += count;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(shares ==
          std::map<std::string, int>{{"0", 6'000}, {"1", 2'000}, {"2", 2'000}, {"3", 2'000}});
}

TEST_CASE("random follows the weights, and nobody is picked where nobody takes requests") {
    snapshot::RouteLive live(1);
    const snapshot::Route route = route_of(BalancingStrategy::random, {0, 0, 0, 1}, live);
    Random random(7);
    int first = 0;
    for (int i = 0; i < 40'000; ++i)
        first += proxy::pick_upstream(route, {random, Clock::now()})->id == "0" ? 1 : 0;
    CHECK(first > 29'400);
    CHECK(first < 30'600);
    const snapshot::Route empty = route_of(BalancingStrategy::random, {}, live);
    CHECK(proxy::pick_upstream(empty, {random, Clock::now()}) == nullptr);
}
