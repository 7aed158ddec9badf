// Balancing: which backend the next request of a route goes to.
//
// A strategy is one function in one file beside this one (strategy.hpp), and one line in the table
// in balancer.cpp. Called on worker threads; what workers share is in RouteLive and BackendLive.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

/// What a choice may depend on beside the route.
struct Choice {
    Random& random;
    TimePoint now;
    std::uint64_t client = 0;  // client_key() of the request's client; for IP_HASH
    std::span<const snapshot::Upstream* const> tried{};  // by this request: not chosen again
};

/// Alive, its circuit not open, weight above 0, not tried yet. Null where no backend is.
const snapshot::Upstream* pick_upstream(const snapshot::Route& route,
                                        const Choice& choice) noexcept;

/// What a strategy learns of the requests that were sent; each request that began ends, whatever
/// comes between. Nothing is written where the route's strategy does not use it.
namespace load {

void began(const snapshot::Route& route, const snapshot::Upstream& upstream,
           TimePoint now) noexcept;
/// `waited`: from the request's first byte sent to the first byte of its final response.
void answered(const snapshot::Route& route, const snapshot::Upstream& upstream, Duration waited,
              TimePoint now) noexcept;
/// It failed before any byte of a response, `waited` after it began.
void failed(const snapshot::Route& route, const snapshot::Upstream& upstream, Duration waited,
            TimePoint now) noexcept;
void ended(const snapshot::Route& route, const snapshot::Upstream& upstream) noexcept;

}  // namespace load

}  // namespace penstock::proxy
