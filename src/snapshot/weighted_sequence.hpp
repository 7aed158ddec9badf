// The order in which ROUND_ROBIN visits weighted backends, written out for one whole cycle.
//
// Pure function; the control thread calls it when it compiles a route. Smooth weighted round robin
// as nginx does it: each backend as often as its weight says, spread as evenly as can be.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace penstock::snapshot {

/// Indexes of `weights`, each as often as its weight divided by the gcd of all; weight 0 never. At
/// most 1,000 weights of at most 1,000 each, their reduced sum at most 65,536.
std::vector<std::uint16_t> weighted_sequence(std::span<const std::uint32_t> weights);

}  // namespace penstock::snapshot
