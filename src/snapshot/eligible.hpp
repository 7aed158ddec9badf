// Which backends may be sent a request at the moment (SPEC section 5).
//
// Any thread: relaxed loads of live state.
#pragma once

#include <algorithm>

#include "snapshot/route.hpp"

namespace penstock::snapshot {

/// Alive, its circuit not open, its weight above 0.
inline bool takes_requests(const Upstream& upstream, TimePoint now) noexcept {
    return upstream.weight > 0 && upstream.live->health.is_alive() &&
           upstream.live->circuit.permits(now);
}

inline bool takes_requests(const Route& route, TimePoint now) noexcept {
    return std::any_of(route.upstreams.begin(), route.upstreams.end(),
                       [now](const Upstream& upstream) { return takes_requests(upstream, now); });
}

}  // namespace penstock::snapshot
