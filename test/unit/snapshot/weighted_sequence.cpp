#include "snapshot/weighted_sequence.hpp"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>

#include "base/random.hpp"

using penstock::snapshot::weighted_sequence;

namespace {

using Weights = std::vector<std::uint32_t>;
using Sequence = std::vector<std::uint16_t>;

std::size_t times(const Sequence& sequence, std::size_t index) {
    return static_cast<std::size_t>(std::count(sequence.begin(), sequence.end(), index));
}

}  // namespace

TEST_CASE("equal weights take turns", "[snapshot]") {
    CHECK(weighted_sequence(Weights{1, 1, 1}) == Sequence{0, 1, 2});
    CHECK(weighted_sequence(Weights{1000, 1000}) == Sequence{0, 1});
}

TEST_CASE("heavier backends are spread, not bunched", "[snapshot]") {
    // nginx's own example: "a" of weight 5, "b" and "c" of weight 1 give a a b a c a a.
    CHECK(weighted_sequence(Weights{5, 1, 1}) == Sequence{0, 0, 1, 0, 2, 0, 0});
    CHECK(weighted_sequence(Weights{4, 2}) == Sequence{0, 1, 0});
}

TEST_CASE("weight 0 has no turn", "[snapshot]") {
    CHECK(weighted_sequence(Weights{0, 3, 0, 3}) == Sequence{1, 3});
    CHECK(weighted_sequence(Weights{0, 0}).empty());
    CHECK(weighted_sequence(Weights{}).empty());
}

TEST_CASE("a cycle holds each backend as often as its weight says", "[snapshot]") {
    penstock::Random random(7);
    for (int round = 0; round < 50; ++round) {
        Weights weights(1 + random.below(20));
        for (auto& weight : weights) weight = static_cast<std::uint32_t>(random.below(30));
        weights[0] = 1;  // the gcd
        const Sequence sequence = weighted_sequence(weights);
        for (std::size_t i = 0; i < weights.size(); ++i) CHECK(times(sequence, i) == weights[i]);
    }
}

TEST_CASE("the largest route there may be", "[snapshot]") {
    Weights weights(1'000, 65);
    for (std::size_t i = 0; i < 536; ++i) ++weights[i];
    const Sequence sequence = weighted_sequence(weights);
    CHECK(sequence.size() == 65'536);
    CHECK(times(sequence, 0) == 66);
    CHECK(times(sequence, 999) == 65);
}
