// FloodBudget: so many at once, so many a second, and what is earned.
#include "http/h2/flood_budget.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using penstock::http::h2::FloodBudget;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// How many it lets through at one moment.
std::int64_t spend_all(FloodBudget& budget, TimePoint now) {
    std::int64_t taken = 0;
    while (taken < 10 * FloodBudget::at_once && budget.take(now)) ++taken;
    return taken;
}

}  // namespace

TEST_CASE("a flood budget lets so many through at once") {
    const TimePoint start = Clock::now();
    FloodBudget budget(start);
    CHECK(spend_all(budget, start) == FloodBudget::at_once);
    CHECK_FALSE(budget.take(start));
}

TEST_CASE("a flood budget fills by the second, and no fuller than at the start") {
    const TimePoint start = Clock::now();
    FloodBudget budget(start);
    CHECK(spend_all(budget, start + std::chrono::hours(1)) == FloodBudget::at_once);

    FloodBudget steady(start);
    for (TimePoint now = start; now < start + seconds(60); now += milliseconds(20)) {
        INFO((now - start).count());
        REQUIRE(steady.take(now));
    }
    // Twice as fast: what was there at once lasts for four seconds more.
    TimePoint now = start + seconds(60);
    std::int64_t taken = 0;
    while (steady.take(now)) {
        now += milliseconds(10);
        REQUIRE(++taken < 1'000);
    }
    CHECK(taken >= 2 * FloodBudget::at_once - 2);
    CHECK(taken <= 2 * FloodBudget::at_once + 2);
}

TEST_CASE("a flood budget keeps the parts of what it fills by") {
    const TimePoint start = Clock::now();
    FloodBudget budget(start);
    REQUIRE(spend_all(budget, start) == FloodBudget::at_once);
    // The failed take above is owed too.
    TimePoint now = start;
    std::int64_t taken = 0;
    for (int i = 0; i < 1'000; ++i) {
        now += milliseconds(7);
        if (budget.take(now)) ++taken;
    }
    CHECK(taken <= 7 * FloodBudget::a_second);
}

TEST_CASE("a flood budget takes no time that runs backwards") {
    const TimePoint start = Clock::now();
    FloodBudget budget(start);
    CHECK(spend_all(budget, start - seconds(5)) == FloodBudget::at_once);
    CHECK_FALSE(budget.take(start));
}

TEST_CASE("what carries something earns, up to what may be spent at once") {
    const TimePoint start = Clock::now();
    FloodBudget budget(start);
    budget.earn(1'000'000);
    CHECK(spend_all(budget, start) == FloodBudget::at_once);
    budget.earn();  // pays for the one that was refused
    CHECK_FALSE(budget.take(start));
    budget.earn(3);
    CHECK(spend_all(budget, start) == 2);
    budget.earn(1'000'000);
    CHECK(spend_all(budget, start) == FloodBudget::at_once);
}
