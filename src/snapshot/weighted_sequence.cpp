#include "snapshot/weighted_sequence.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace penstock::snapshot {

namespace {

/// Those of one weight take turns in their order, so that the first of `members` from `next` on is
/// the richest of them, and the one whose credit counts.
struct Class {
    std::int64_t gain = 0;
    std::int64_t round = 0;  // how often all of them have had their turn
    std::size_t next = 0;
    std::vector<std::uint16_t> members;

    std::int64_t credit(std::int64_t turn, std::int64_t total) const noexcept {
        return turn * gain - round * total;
    }
    std::uint16_t take() noexcept {
        const std::uint16_t taken = members[next];
        if (++next == members.size()) {
            next = 0;
            ++round;
        }
        return taken;
    }
};

}  // namespace

/// In each turn every backend's credit grows by its weight, and the richest, the first of them
/// where there are several, is visited and pays the sum of all weights. Only one of each weight has
/// to be looked at: with a sum of at most 65,536 there are at most 361 of them.
std::vector<std::uint16_t> weighted_sequence(std::span<const std::uint32_t> weights) {
    std::uint32_t divisor = 0;
    for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
    if (divisor == 0) return {};

    std::map<std::uint32_t, Class> by_weight;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (weights[i] == 0) continue;
        Class& same = by_weight[weights[i]];
        same.gain = weights[i] / divisor;
        same.members.push_back(static_cast<std::uint16_t>(i));
        total += same.gain;
    }
    std::vector<Class> classes;
    for (auto& [weight, same] : by_weight) classes.push_back(std::move(same));

    std::vector<std::uint16_t> sequence;
    sequence.reserve(static_cast<std::size_t>(total));
    for (std::int64_t turn = 1; turn <= total; ++turn) {
        Class* richest = nullptr;
        std::int64_t most = 0;
        for (Class& one : classes) {
            const std::int64_t credit = one.credit(turn, total);
            const bool richer =
                richest == nullptr || credit > most ||
                (credit == most && one.members[one.next] < richest->members[richest->next]);
            if (!richer) continue;
            richest = &one;
            most = credit;
        }
        sequence.push_back(richest->take());
    }
    return sequence;
}

}  // namespace penstock::snapshot
