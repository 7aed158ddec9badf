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
