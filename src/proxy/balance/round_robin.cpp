// ROUND_ROBIN: smooth weighted round robin (nginx, 2012), exact over all workers.
//
// The order is computed once, by the control thread (snapshot::Route::sequence). Workers share one
// cursor: each fetch_add is one place in the cycle, so k times n sequential requests over n equal
// backends give each exactly k. The cursor outlives the published route: where the sequence has got
// another length, the first cycle begins somewhere in the middle, and cycles are whole from there.
#include <algorithm>

#include "proxy/balance/strategy.hpp"

namespace penstock::proxy::balance {

namespace {

/// Longer sequences are not searched to their end: drawing from all upstreams is quicker then.
constexpr std::uint64_t most_steps = 256;

}  // namespace

const snapshot::Upstream* round_robin(const snapshot::Route& route, const Choice& choice) noexcept {
    const std::uint64_t length = route.sequence.size();
    if (length == 0) return draw_from_all(route, choice);
    // A request has one place in the cycle: a retry goes on from where the cycle is, and leaves the
    // next request its place.
    std::atomic<std::uint64_t>& cursor = route.live->cursor;
    const std::uint64_t turn = choice.tried.empty() ? cursor.fetch_add(1, std::memory_order_relaxed)
                                                    : cursor.load(std::memory_order_relaxed);
    const std::uint64_t place = turn % length;
    const snapshot::Upstream& next = route.upstreams[route.sequence[place]];
    if (is_eligible(next, choice)) return &next;
    if (length == 1) return draw_from_all(route, choice);

    // The places of a backend that is out (its circuit is open, or it has just died) go to each of
    // the others in turn, cycle by cycle: its successor alone would get twice its share.
    const std::uint64_t first = place + 1 + turn / length % (length - 1);
    for (std::uint64_t step = 0; step < std::min(length, most_steps); ++step) {
        const auto& upstream = route.upstreams[route.sequence[(first + step) % length]];
        if (is_eligible(upstream, choice)) return &upstream;
    }
    return draw_from_all(route, choice);
}

}  // namespace penstock::proxy::balance
