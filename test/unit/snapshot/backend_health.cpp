#include "snapshot/backend_health.hpp"

#include <algorithm>
#include <atomic>
#include <latch>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using std::chrono::milliseconds;

namespace {

constexpr TimePoint start = TimePoint(std::chrono::hours(1));

HealthLimits limits(std::uint32_t max_fails, milliseconds window = milliseconds(1'000)) {
    return {max_fails, window};
}

TimePoint at(int ms) {
    return start + milliseconds(ms);
}

}  // namespace

TEST_CASE("the first failure kills where one is too many", "[snapshot]") {
    BackendHealth health;
    CHECK(health.is_alive());
    CHECK(health.view().state == HealthState::alive);
    CHECK(health.view().dead_since_unix_ms == 0);
    const std::uint64_t before = unix_milliseconds();
    CHECK(health.record_failure(limits(1), start));
    CHECK_FALSE(health.is_alive());
    const HealthView view = health.view();
    CHECK(view.state == HealthState::dead);
    CHECK(view.failures == 1);
    CHECK(view.dead_since_unix_ms >= before);
    CHECK(view.dead_since_unix_ms <= unix_milliseconds());
    CHECK_FALSE(health.record_failure(limits(1), start));  // it is dead already
    CHECK(health.view().failures == 2);
    CHECK(health.view().epoch != view.epoch);
}

TEST_CASE("max_fails 0 counts and never kills", "[snapshot]") {
    BackendHealth health;
    for (int i = 0; i < 100; ++i) CHECK_FALSE(health.record_failure(limits(0), start));
    CHECK(health.is_alive());
    CHECK(health.view().failures == 100);
}

TEST_CASE("the window slides: as many failures in any stretch of that length kill", "[snapshot]") {
    BackendHealth health;
    CHECK_FALSE(health.record_failure(limits(3), at(0)));
    CHECK_FALSE(health.record_failure(limits(3), at(900)));
    SECTION("a third inside the first one's window") {
        CHECK(health.record_failure(limits(3), at(999)));
    }
    SECTION("a third as the first one leaves it, and a fourth") {
        CHECK_FALSE(health.record_failure(limits(3), at(1'000)));
        CHECK(health.record_failure(limits(3), at(1'899)));
    }
    SECTION("too late each time") {
        for (int i = 2; i < 200; ++i) CHECK_FALSE(health.record_failure(limits(3), at(700 * i)));
        CHECK(health.is_alive());
        CHECK(health.view().failures == 200);
    }
}

TEST_CASE("the window agrees with counting all failures", "[snapshot]") {
    const std::uint32_t most = GENERATE(2u, 3u, 7u, 64u, 1'000u);
    std::mt19937 random(most);
    for (int round = 0; round < 20; ++round) {
        BackendHealth health;
        std::vector<int> all;
        bool dead = false;
        for (int now = 0; !dead && all.size() < 3 * most; now += static_cast<int>(random() % 40)) {
            all.push_back(now);
            const auto recent = std::count_if(all.begin(), all.end(), [&](int one) {
                return now - one < 18 * static_cast<int>(most);
            });
            dead = recent >= static_cast<std::ptrdiff_t>(most);
            const milliseconds window(18 * static_cast<int>(most));
            REQUIRE(health.record_failure(limits(most, window), at(now)) == dead);
        }
    }
}

TEST_CASE("a limit may change between failures", "[snapshot]") {
    BackendHealth health;
    CHECK_FALSE(health.record_failure(limits(3), at(0)));
    CHECK_FALSE(health.record_failure(limits(3), at(1)));
    SECTION("raised: what has been noted counts on") {
        for (int i = 2; i < 19; ++i) CHECK_FALSE(health.record_failure(limits(20), at(i)));
        CHECK(health.record_failure(limits(20), at(19)));
    }
    SECTION("lowered") {
        CHECK(health.record_failure(limits(2), at(2)));
    }
    SECTION("to one") {
        CHECK(health.record_failure(limits(1), at(5'000)));
    }
}

TEST_CASE("reviving starts anew, and a stale probe cannot", "[snapshot]") {
    BackendHealth health;
    CHECK_FALSE(health.revive(health.view().epoch));  // it is alive
    CHECK_FALSE(health.record_failure(limits(2), at(0)));
    CHECK(health.record_failure(limits(2), at(1)));
    const std::uint32_t probed = health.view().epoch;
    CHECK_FALSE(health.record_failure(limits(2), at(2)));  // a request that was still under way
    CHECK_FALSE(health.revive(probed));
    CHECK_FALSE(health.is_alive());
    CHECK(health.revive(health.view().epoch));
    CHECK(health.is_alive());
    CHECK(health.view().failures == 0);
    CHECK(health.view().dead_since_unix_ms == 0);
    CHECK_FALSE(health.record_failure(limits(2), at(3)));  // the earlier ones are forgotten
    CHECK(health.record_failure(limits(2), at(4)));
}

TEST_CASE("maintenance is apart from dead: set again nothing changes, ended it starts anew",
          "[snapshot]") {
    BackendHealth health;
    const bool was_dead = GENERATE(false, true);
    if (was_dead) CHECK(health.record_failure(limits(1), start));
    const std::uint32_t epoch = health.view().epoch;
    health.set_maintenance(false);  // as at each publication
    CHECK(health.view().epoch == epoch);
    CHECK(health.is_alive() != was_dead);

    health.set_maintenance(true);
    const HealthView view = health.view();
    CHECK(view.state == HealthState::maintenance);
    CHECK(view.dead_since_unix_ms > 0);
    CHECK_FALSE(health.is_alive());
    health.set_maintenance(true);
    CHECK(health.view().epoch == view.epoch);
    CHECK_FALSE(health.revive(epoch));
    CHECK_FALSE(health.revive(health.view().epoch));  // no probe ends it
    CHECK_FALSE(health.record_failure(limits(1), start));
    CHECK(health.view().state == HealthState::maintenance);

    health.set_maintenance(false);
    CHECK(health.is_alive());
    CHECK(health.view().failures == 0);
    CHECK(health.record_failure(limits(1), start));
}

TEST_CASE("of all threads that see a backend fail one makes it dead", "[snapshot][threads]") {
    const std::uint32_t most = GENERATE(1u, 4u, 40u);
    constexpr int thread_count = 4;
    for (int round = 0; round < 200; ++round) {
        BackendHealth health;
        std::atomic<int> winners{0};
        std::latch go(thread_count);
        std::vector<std::thread> threads;
        for (int t = 0; t < thread_count; ++t) {
            threads.emplace_back([&, t] {
                go.arrive_and_wait();
                // Together exactly as many as it takes.
                for (std::uint32_t i = static_cast<std::uint32_t>(t); i < most; i += thread_count) {
                    if (health.record_failure(limits(most), at(static_cast<int>(i)))) ++winners;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        REQUIRE(winners == 1);
        REQUIRE(health.view().state == HealthState::dead);
        REQUIRE(health.view().failures == most);
    }
}

TEST_CASE("deaths and revivals take turns under load", "[snapshot][threads]") {
    BackendHealth health;
    std::atomic<bool> stop{false};
    std::atomic<int> deaths{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; !stop; ++i) {
                if (health.record_failure(limits(3), at(i / 64))) ++deaths;
            }
        });
    }
    int revivals = 0;
    while (revivals < 300) {
        const HealthView view = health.view();
        if (view.state == HealthState::dead) {
            REQUIRE(view.dead_since_unix_ms > 0);
            if (health.revive(view.epoch)) ++revivals;
        }
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    const bool ended_dead = health.view().state == HealthState::dead;
    CHECK(deaths == revivals + (ended_dead ? 1 : 0));
}
