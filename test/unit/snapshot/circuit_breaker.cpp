#include "snapshot/circuit_breaker.hpp"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using Change = CircuitBreaker::Change;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr TimePoint start = TimePoint(std::chrono::hours(5));
const CircuitLimits limits{
    .error_rate = 0.5, .min_requests = 10, .window = seconds(10), .open = seconds(30)};

/// Opened at `start` by the tenth error of ten requests.
struct Opened : CircuitBreaker {
    Opened() {
        for (unsigned i = 1; i < 10; ++i)
            CHECK(record_failure(limits, false, i, start) == Change::none);
        CHECK(record_failure(limits, false, 10, start) == Change::opened);
    }
};

}  // namespace

TEST_CASE("a closed circuit lets everything through", "[snapshot]") {
    CircuitBreaker circuit;
    CHECK(circuit.permits(start));
    CHECK(circuit.admit(start).yes);
    CHECK_FALSE(circuit.admit(start).is_trial);
    CHECK(circuit.record_success(false) == Change::none);
    CHECK(circuit.state(start) == CircuitState::closed);
}

TEST_CASE("it opens at the rate, not below it, and not with few requests", "[snapshot]") {
    CircuitBreaker circuit;
    SECTION("at the rate") {
        for (unsigned i = 0; i < 9; ++i)
            CHECK(circuit.record_failure(limits, false, 20, start) == Change::none);
        CHECK(circuit.record_failure(limits, false, 20, start) == Change::opened);
        CHECK(circuit.record_failure(limits, false, 20, start) == Change::none);  // it is open
    }
    SECTION("below it") {
        for (unsigned i = 0; i < 10; ++i)
            CHECK(circuit.record_failure(limits, false, 21, start) == Change::none);
        CHECK(circuit.permits(start));
    }
    SECTION("too few requests") {
        for (unsigned i = 0; i < 9; ++i)
            CHECK(circuit.record_failure(limits, false, 9, start) == Change::none);
        CHECK(circuit.permits(start));
    }
    SECTION("errors are requests, whatever was counted so far") {
        for (unsigned i = 0; i < 9; ++i)
            CHECK(circuit.record_failure(limits, false, 0, start) == Change::none);
        CHECK(circuit.record_failure(limits, false, 0, start) == Change::opened);
    }
}

TEST_CASE("errors leave the window as it slides", "[snapshot]") {
    CircuitBreaker circuit;
    const TimePoint began = start + seconds(GENERATE(0, 57, 1'000'003));  // wherever in its ring
    for (unsigned i = 0; i < 9; ++i)
        CHECK(circuit.record_failure(limits, false, 20, began) == Change::none);
    SECTION("the tenth as the others are in it still") {
        CHECK(circuit.record_failure(limits, false, 20, began + seconds(10)) == Change::opened);
    }
    SECTION("a second later they are not") {
        CHECK(circuit.record_failure(limits, false, 20, began + seconds(11)) == Change::none);
        CHECK(circuit.permits(began + seconds(11)));
    }
    SECTION("nor after a round of the ring") {
        CHECK(circuit.record_failure(limits, false, 20, began + seconds(64)) == Change::none);
    }
}

TEST_CASE("open, it lets nobody through until its time is over", "[snapshot]") {
    Opened circuit;
    CHECK(circuit.state(start) == CircuitState::open);
    for (const TimePoint now : {start, start + seconds(30) - milliseconds(1)}) {
        CHECK_FALSE(circuit.permits(now));
        CHECK_FALSE(circuit.admit(now).yes);
        CHECK(circuit.state(now) == CircuitState::open);
    }
    CHECK(circuit.permits(start + seconds(30)));
    CHECK(circuit.state(start + seconds(30)) == CircuitState::half_open);
}

TEST_CASE("half-open there is one trial, and its end decides", "[snapshot]") {
    Opened circuit;
    const TimePoint later = start + seconds(31);
    const auto trial = circuit.admit(later);
    CHECK(trial.yes);
    CHECK(trial.is_trial);
    CHECK(trial.change == Change::half_opened);
    CHECK_FALSE(circuit.permits(later));
    CHECK_FALSE(circuit.admit(later).yes);
    CHECK(circuit.state(later) == CircuitState::half_open);
    // What was let through before it opened decides nothing.
    CHECK(circuit.record_success(false) == Change::none);
    CHECK(circuit.record_failure(limits, false, 100, later) == Change::none);

    SECTION("success closes") {
        CHECK(circuit.record_success(true) == Change::closed);
        CHECK(circuit.state(later) == CircuitState::closed);
        CHECK(circuit.record_success(true) == Change::none);
        // The errors that opened it are not held against it again.
        for (unsigned i = 1; i < 10; ++i)
            CHECK(circuit.record_failure(limits, false, i, later) == Change::none);
        CHECK(circuit.record_failure(limits, false, 10, later) == Change::opened);
    }
    SECTION("failure opens again, for as long") {
        CHECK(circuit.record_failure(limits, true, 1, later) == Change::opened);
        CHECK_FALSE(circuit.permits(later + seconds(30) - milliseconds(1)));
        CHECK(circuit.permits(later + seconds(30)));
    }
    SECTION("abandoned, another is made") {
        circuit.abandon_trial();
        CHECK(circuit.permits(later));
        CHECK(circuit.state(later) == CircuitState::half_open);
        const auto another = circuit.admit(later);
        CHECK(another.is_trial);
        CHECK(another.change == Change::none);  // half-open it was already
        CHECK_FALSE(circuit.admit(later).yes);
        CHECK(circuit.record_success(true) == Change::closed);
    }
    SECTION("switched off meanwhile, nothing is left of it") {
        circuit.reset();
        CHECK(circuit.state(later) == CircuitState::closed);
        CHECK(circuit.record_success(true) == Change::none);
        CHECK(circuit.record_failure(limits, true, 100, later) == Change::none);
        circuit.abandon_trial();
        CHECK(circuit.permits(later));
    }
}

TEST_CASE("requests are counted over the window, but not from before it last closed",
          "[snapshot]") {
    CircuitBreaker fresh;
    CHECK(fresh.counted_seconds(limits, start) == 10);
    CircuitLimits odd = limits;
    odd.window = milliseconds(1'500);
    CHECK(fresh.counted_seconds(odd, start) == 2);
    odd.window = seconds(600);
    CHECK(fresh.counted_seconds(odd, start) == 60);

    Opened circuit;
    const TimePoint later = start + seconds(31);
    CHECK(circuit.admit(later).is_trial);
    CHECK(circuit.record_success(true) == Change::closed);
    CHECK(circuit.counted_seconds(limits, later) == 1);
    CHECK(circuit.counted_seconds(limits, later + seconds(4)) == 4);
    CHECK(circuit.counted_seconds(limits, later + seconds(60)) == 10);
}

TEST_CASE("each transition has one winner", "[snapshot][threads]") {
    constexpr int thread_count = 4;
    for (int round = 0; round < 200; ++round) {
        CircuitBreaker circuit;
        std::atomic<int> opened{0};
        std::atomic<int> trials{0};
        std::atomic<int> half_opened{0};
        std::atomic<int> closed{0};
        std::latch fail(thread_count);
        std::latch tried(thread_count);
        const TimePoint later = start + seconds(30);
        std::vector<std::thread> threads;
        for (int t = 0; t < thread_count; ++t) {
            threads.emplace_back([&] {
                fail.arrive_and_wait();
                for (int i = 0; i < 5; ++i) {
                    if (circuit.record_failure(limits, false, 0, start) == Change::opened) ++opened;
                }
                tried.arrive_and_wait();
                const auto admitted = circuit.admit(later);
                if (admitted.change == Change::half_opened) ++half_opened;
                if (!admitted.is_trial) return;
                ++trials;
                if (circuit.record_success(true) == Change::closed) ++closed;
            });
        }
        for (std::thread& thread : threads) thread.join();
        REQUIRE(opened == 1);
        REQUIRE(half_opened == 1);
        REQUIRE(trials == 1);
        REQUIRE(closed == 1);
        REQUIRE(circuit.state(later) == CircuitState::closed);
    }
}
