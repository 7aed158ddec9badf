#include "snapshot/weighted_sequence.hpp"

#include <algorithm>
#include <numeric>

namespace penstock::snapshot {

std::vector<std::uint16_t> weighted_sequence(std::span<const std::uint32_t> weights) {
    std::uint32_t divisor = 0;
    for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
    if (divisor == 0) return {};

    std::vector<std::int32_t> gain(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        gain[i] = static_cast<std::int32_t>(weights[i] / divisor);
    }
    const std::int32_t total = std::accumulate(gain.begin(), gain.end(), 0);

    std::vector<std::uint16_t> sequence;
    sequence.reserve(static_cast<std::size_t>(total));
    std::vector<std::int32_t> credit(gain.size(), 0);
    for (std::int32_t turn = 0; turn < total; ++turn) {
        for (std::size_t i = 0; i < gain.size(); ++i) credit[i] += gain[i];
        // A backend without weight stays at 0, where the richest never is: credits add up to
        // `total`.
        const auto richest = std::max_element(credit.begin(), credit.end());
        *richest -= total;
        sequence.push_back(static_cast<std::uint16_t>(richest - credit.begin()));
    }
    return sequence;
}

}  // namespace penstock::snapshot
