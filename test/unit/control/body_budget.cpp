#include "control/body_budget.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>

using namespace penstock::control;

TEST_CASE("bodies share a budget, which is whole again when they have gone", "[control]") {
    constexpr std::size_t all = 64 * 1024;
    BodyBudget budget(all);
    const std::string part(10'000, ' ');
    {
        BudgetedBody first(budget);
        BudgetedBody second(budget);
        REQUIRE(first.append(part));
        REQUIRE(first.append(part));
        CHECK(first.size() == 20'000);
        REQUIRE(second.append(part));
        CHECK(budget.left() <= all - 30'000);
        int more = 0;
        while (second.append(part)) ++more;
        CHECK(more < 4);
        CHECK(second.view() == std::string(second.size(), ' '));  // what did not fit left no trace
        CHECK_FALSE(BudgetedBody(budget).append(std::string(all, 'x')));
    }
    CHECK(budget.left() == all);
}

TEST_CASE("large answers share a budget, in which one alone has room", "[control]") {
    BodyBudget budget(100);
    {
        BudgetShare first(budget);
        BudgetShare second(budget);
        REQUIRE(first.take(60));
        CHECK_FALSE(second.take(50));
        CHECK(second.take(40));
        CHECK(budget.left() == 0);
    }
    REQUIRE(budget.left() == 100);
    {
        BudgetShare huge(budget);
        CHECK(huge.take(1'000));
        CHECK_FALSE(BudgetShare(budget).take(1));
    }
    CHECK(budget.left() == 100);
}
