// IP_HASH: weighted rendezvous hashing (Thaler and Ravishankar, 1998: highest random weight), with
// the logarithmic weights of Schindelhauer and Schomaker (2005).
//
// Each client draws a number u in (0, 1] for each upstream from a hash of both, and goes to the
// lowest -log2(u) / weight. Nothing is stored and nothing depends on who else is there: losing an
// upstream moves its clients alone, by weight, to the others, and its return brings them back.
//
// All of it is integer arithmetic on fixed tables: every node, build and processor finds the same.
// The floating-point log2() would not do, as its last bits are the library's choice. The table is
// interpolated linearly: shares by weight are off by less than 0.3%. Where weights are equal the
// hashes themselves are compared.
#include <array>
#include <bit>

#include "base/hash.hpp"
#include "proxy/balance/strategy.hpp"

namespace penstock::proxy::balance {

namespace {

__extension__ using Wide = unsigned __int128;

/// Fixed point: a logarithm of up to 64 times a weight of up to 1,000 fits into 64 bits.
constexpr unsigned fraction_bits = 48;
constexpr unsigned index_bits = 8;
constexpr std::size_t segments = std::size_t{1} << index_bits;

/// log2(1 + i / 256), bit by bit: squaring a number doubles its logarithm.
constexpr std::uint64_t log2_of_segment(std::uint64_t i) {
    if (i == segments) return std::uint64_t{1} << fraction_bits;
    std::uint64_t mantissa = (segments + i) << (63 - index_bits);  // 1.0 is 2^63
    std::uint64_t log = 0;
    for (unsigned bit = 0; bit < fraction_bits; ++bit) {
        const Wide square = static_cast<Wide>(mantissa) * mantissa;  // 1.0 is 2^126
        const bool is_two_or_more = (square >> 127) != 0;
        mantissa = static_cast<std::uint64_t>(square >> (is_two_or_more ? 64 : 63));
        log = log << 1 | static_cast<std::uint64_t>(is_two_or_more);
    }
    return log;
}

constexpr auto log2_table = [] {
    std::array<std::uint64_t, segments + 1> table{};
    for (std::size_t i = 0; i <= segments; ++i) table[i] = log2_of_segment(i);
    return table;
}();

/// -log2(draw / 2^64), falling as `draw` rises.
std::uint64_t cost_of(std::uint64_t draw) noexcept {
    if (draw == 0) draw = 1;
    const auto zeros = static_cast<unsigned>(std::countl_zero(draw));
    const std::uint64_t mantissa = draw << zeros << 1;  // without its leading 1
    const std::size_t segment = mantissa >> (64 - index_bits);
    const std::uint64_t within = mantissa << index_bits;
    const std::uint64_t height = log2_table[segment + 1] - log2_table[segment];
    const std::uint64_t log = log2_table[segment] + static_cast<std::uint64_t>(
                                                        (static_cast<Wide>(height) * within) >> 64);
    return ((std::uint64_t{zeros} + 1) << fraction_bits) - log;
}

/// Never above cost_of(draw), for -log2(u) is at least (1 - u) / ln 2, and 1 / ln 2 is 1.44.
std::uint64_t least_cost_of(std::uint64_t draw) noexcept {
    const std::uint64_t rest = ~draw >> (64 - fraction_bits);
    return rest + rest / 4 + rest / 8;
}

struct Bid {
    const snapshot::Upstream* upstream = nullptr;
    std::uint64_t draw = 0;
    std::uint64_t cost =
        0;  // worked out when first compared with one of another weight; 0: not yet

    std::uint64_t known_cost() noexcept {
        if (cost == 0) cost = cost_of(draw);
        return cost;
    }
};

/// A total order, so that it does not matter in which order upstreams are configured.
bool beats(Bid& one, Bid& other) noexcept {
    const std::uint64_t weight = one.upstream->weight;
    const std::uint64_t other_weight = other.upstream->weight;
    if (weight != other_weight) {
        const std::uint64_t other_cost = other.known_cost() * weight;
        if (least_cost_of(one.draw) * other_weight > other_cost) return false;  // nearly always
        const std::uint64_t cost = one.known_cost() * other_weight;
        if (cost != other_cost) return cost < other_cost;
    }
    if (one.draw != other.draw) return one.draw > other.draw;
    return one.upstream->hash > other.upstream->hash;
}

}  // namespace

const snapshot::Upstream* ip_hash(const snapshot::Route& route, const Choice& choice) noexcept {
    Bid best;
    for (const snapshot::Upstream& upstream : route.upstreams) {
        Bid bid{&upstream, hash_pair(upstream.hash, choice.client)};
        // Asked last: it reads memory that all workers share.
        if (best.upstream != nullptr && !beats(bid, best)) continue;
        if (is_eligible(upstream, choice)) best = bid;
    }
    return best.upstream;
}

}  // namespace penstock::proxy::balance
