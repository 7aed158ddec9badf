// What all strategies have in common, and those that need no measurement: ROUND_ROBIN, RANDOM,
// LEAST_CONNECTIONS.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "balance_fixture.hpp"

using namespace balance_test;

namespace {

/// `count` requests one after the other; each ends before the next begins.
Shares shares_of(const BalancedRoute& balanced, int count, Random& random) {
    Shares shares;
    for (int i = 0; i < count; ++i) ++shares[balanced.pick({random, Clock::now()})];
    return shares;
}

BalancingStrategy any_strategy() {
    return GENERATE(BalancingStrategy::round_robin, BalancingStrategy::random,
                    BalancingStrategy::ip_hash, BalancingStrategy::least_connections,
                    BalancingStrategy::least_latency);
}

}  // namespace

TEST_CASE("every strategy passes over what is dead, tried or without weight", "[balance]") {
    BalancedRoute balanced(any_strategy(), {1, 0, 1, 1});
    balanced.kill("2");
    Random random(1);
    const snapshot::Upstream* const tried[] = {&balanced.upstream("0"), &balanced.upstream("3")};
    for (std::uint64_t client = 0; client < 100; ++client) {
        const proxy::Choice choice{.random = random, .now = Clock::now(), .client = client};
        const std::string id = balanced.pick(choice);
        CHECK((id == "0" || id == "3"));
        proxy::Choice again = choice;
        again.tried = {tried, 1};
        CHECK(balanced.pick(again) == "3");
        again.tried = {tried, 2};
        CHECK(balanced.pick(again) == "none");
    }
    balanced.kill("0");
    balanced.kill("3");
    CHECK(balanced.pick({random, Clock::now()}) == "none");
}

TEST_CASE("every strategy passes over a backend whose circuit is open, until a trial is due",
          "[balance]") {
    const BalancedRoute balanced(any_strategy(), {1, 1});
    const snapshot::CircuitLimits limits{.min_requests = 1};
    const TimePoint now = Clock::now();
    Random random(1);
    snapshot::CircuitBreaker& circuit = balanced.upstream("0").live->circuit;
    REQUIRE(circuit.record_failure(limits, false, 1, now) ==
            snapshot::CircuitBreaker::Change::opened);
    const auto shares_at = [&](TimePoint moment) {
        Shares shares;
        for (std::uint64_t client = 0; client < 100; ++client)
            ++shares[balanced.pick({.random = random, .now = moment, .client = client})];
        return shares;
    };
    CHECK(shares_at(now) == Shares{{"1", 100}});
    const TimePoint later = now + limits.open + std::chrono::seconds(1);
    CHECK(shares_at(later)["0"] > 0);
    REQUIRE(circuit.admit(later).is_trial);
    CHECK(shares_at(later) == Shares{{"1", 100}});
    circuit.abandon_trial();
}

TEST_CASE("every strategy finds a backend that is back before the route is published again",
          "[balance]") {
    BalancedRoute balanced(any_strategy(), {1, 1, 1});
    Random random(1);
    for (const char* id : {"0", "1", "2"}) balanced.kill(id);
    balanced.publish();
    CHECK(balanced.route().sequence.empty());
    CHECK(balanced.pick({random, Clock::now()}) == "none");
    balanced.revive("1");
    CHECK(balanced.pick({random, Clock::now()}) == "1");
}

TEST_CASE("every strategy finds the last one alive in the longest sequence", "[balance]") {
    std::vector<unsigned> weights(1'000, 65);
    for (std::size_t i = 0; i < 535; ++i) ++weights[i];
    weights[999] = 1;
    BalancedRoute balanced(any_strategy(), weights);
    REQUIRE(balanced.route().sequence.size() > 65'000);
    for (int i = 0; i < 999; ++i) balanced.kill(std::to_string(i));
    Random random(1);
    for (std::uint64_t client = 0; client < 10; ++client)
        CHECK(balanced.pick({.random = random, .now = Clock::now(), .client = client}) == "999");
}

TEST_CASE("a route without backends has none for any strategy", "[balance]") {
    BalancedRoute balanced(any_strategy(), {});
    Random random(1);
    CHECK(balanced.pick({random, Clock::now()}) == "none");
}

// --- ROUND_ROBIN ---

TEST_CASE("round robin gives each backend exactly its share, whoever asks", "[balance][threads]") {
    const BalancedRoute balanced(BalancingStrategy::round_robin, {3, 1, 1, 1});
    Shares shares;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            Random random;
            const Shares own = shares_of(balanced, 3'000, random);
            const std::lock_guard lock(mutex);
            for (const auto& [id, count] : own) shares[id] += count;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(shares == Shares{{"0", 6'000}, {"1", 2'000}, {"2", 2'000}, {"3", 2'000}});
}

TEST_CASE("round robin by weight is exact over each cycle, also after a publication", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::round_robin, {5, 3, 1});
    Random random(1);
    for (int cycle = 0; cycle < 3; ++cycle)
        CHECK(shares_of(balanced, 9, random) == Shares{{"0", 5}, {"1", 3}, {"2", 1}});
    shares_of(balanced, 4, random);
    balanced.publish();
    shares_of(balanced, 5, random);  // the cycle goes on where it was
    balanced.config().backends.pop_back();
    balanced.publish();
    CHECK(shares_of(balanced, 16, random) == Shares{{"0", 10}, {"1", 6}});
}

TEST_CASE("the turns of a backend that has died go to all others alike", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::round_robin, {1, 1, 1, 1});
    balanced.kill("1");
    Random random(1);
    CHECK(shares_of(balanced, 12, random) == Shares{{"0", 4}, {"2", 4}, {"3", 4}});
}

TEST_CASE("a retry goes to another backend and takes nobody's turn", "[balance]") {
    const BalancedRoute balanced(BalancingStrategy::round_robin, {1, 1, 1});
    Random random(1);
    const snapshot::Upstream* const tried[] = {&balanced.upstream("0")};
    CHECK(balanced.pick({random, Clock::now()}) == "0");
    CHECK(balanced.pick({.random = random, .now = Clock::now(), .tried = tried}) == "1");
    CHECK(balanced.pick({random, Clock::now()}) == "1");
}

// --- RANDOM ---

TEST_CASE("random follows the weights, also among those that are left", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::random, {3, 1, 4});
    Random random(7);
    Shares shares = shares_of(balanced, 80'000, random);
    CHECK(std::abs(shares["0"] - 30'000) < 600);
    CHECK(std::abs(shares["1"] - 10'000) < 400);
    balanced.kill("2");
    shares = shares_of(balanced, 40'000, random);
    CHECK(std::abs(shares["0"] - 30'000) < 400);
    CHECK(shares["2"] == 0);
    balanced.kill("0");
    CHECK(shares_of(balanced, 100, random) == Shares{{"1", 100}});
}

// --- LEAST_CONNECTIONS ---

TEST_CASE("least connections evens out what is in flight, by weight", "[balance]") {
    const BalancedRoute balanced(BalancingStrategy::least_connections, {3, 1});
    const snapshot::Route& route = balanced.route();
    Random random(1);
    // Quiet: each ends before the next comes, and the weights alone decide.
    CHECK(shares_of(balanced, 400, random) == Shares{{"0", 300}, {"1", 100}});
    Shares held;
    for (int i = 0; i < 400; ++i) {
        const auto* upstream = proxy::pick_upstream(route, {random, Clock::now()});
        proxy::load::began(route, *upstream, Clock::now());
        ++held[upstream->id];
    }
    CHECK(held == Shares{{"0", 300}, {"1", 100}});
    // The first finishes a part: what comes next goes there, until both are even again.
    for (int i = 0; i < 90; ++i) proxy::load::ended(route, balanced.upstream("0"));
    for (int i = 0; i < 90; ++i) {
        const auto* upstream = proxy::pick_upstream(route, {random, Clock::now()});
        proxy::load::began(route, *upstream, Clock::now());
        CHECK(upstream->id == "0");
    }
}

TEST_CASE("least connections shares among those tied below whose turn it is", "[balance]") {
    const BalancedRoute balanced(BalancingStrategy::least_connections, {1, 2, 1, 1});
    const snapshot::Route& route = balanced.route();
    Random random(3);
    proxy::load::began(route, balanced.upstream("3"), Clock::now());
    Shares shares;
    for (int i = 0; i < 40'000; ++i) ++shares[balanced.pick({random, Clock::now()})];
    CHECK(shares["3"] == 0);
    // Its turns are drawn for by weight.
    CHECK(std::abs(shares["0"] - 10'000) < 300);
    CHECK(std::abs(shares["1"] - 20'000) < 400);
    proxy::load::ended(route, balanced.upstream("3"));
}

TEST_CASE("least connections counts over all threads", "[balance][threads]") {
    const BalancedRoute balanced(BalancingStrategy::least_connections, {1, 1, 1, 1});
    const snapshot::Route& route = balanced.route();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            Random random;
            for (int i = 0; i < 1'000; ++i) {
                const auto* upstream = proxy::pick_upstream(route, {random, Clock::now()});
                proxy::load::began(route, *upstream, Clock::now());
                // Every other one is over at once.
                if (i % 2 == 1) proxy::load::ended(route, *upstream);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::uint32_t total = 0;
    for (const auto& upstream : route.upstreams) {
        const std::uint32_t in_flight = upstream.live->load.in_flight.load();
        // Off by what other threads were choosing at the time, at most.
        CHECK(in_flight >= 490);
        CHECK(in_flight <= 510);
        total += in_flight;
    }
    CHECK(total == 2'000);
}

TEST_CASE("nothing is counted for strategies that do not look at it", "[balance]") {
    const BalancedRoute balanced(BalancingStrategy::round_robin, {1});
    const snapshot::Upstream& upstream = balanced.upstream("0");
    proxy::load::began(balanced.route(), upstream, Clock::now());
    proxy::load::answered(balanced.route(), upstream, std::chrono::seconds(1), Clock::now());
    CHECK(upstream.live->load.in_flight.load() == 0);
    CHECK(upstream.live->load.latency.estimate(Clock::now()).ticks == 0);
}
