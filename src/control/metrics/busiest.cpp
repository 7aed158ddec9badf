#include "control/metrics/busiest.hpp"

#include <algorithm>

namespace penstock::control {

namespace {

constexpr unsigned recent_seconds = 60;

bool is_busier(const BusiestRoutes::Entry& one, const BusiestRoutes::Entry& other) {
    return one.requests > other.requests;
}

}  // namespace

std::uint64_t BusiestRoutes::recent_requests(const snapshot::Route& route, TimePoint now) noexcept {
    return route.live->series.recent_requests(recent_seconds, now);
}

void BusiestRoutes::search(std::size_t most) {
    if (is_searching() || most == 0) return;
    most_ = most;
    last_.clear();
    heap_.clear();
    ring_.timers().arm(next_, ring_.now() + pause);
}

void BusiestRoutes::look() {
    const auto& routes = configuration_.routes();
    auto at = routes.upper_bound(last_);
    for (std::size_t left = slice; at != routes.end() && left > 0; ++at, --left) {
        last_ = at->first;
        const snapshot::Route* const route = configuration_.published(at->first);
        if (route != nullptr) offer(at->first, recent_requests(*route, ring_.now()));
    }
    if (at != routes.end()) {
        ring_.timers().arm(next_, ring_.now() + pause);
        return;
    }
    std::sort_heap(heap_.begin(), heap_.end(), is_busier);
    found_(std::exchange(heap_, {}));
}

void BusiestRoutes::offer(const std::string& v_host, std::uint64_t requests) {
    if (requests == 0) return;
    if (heap_.size() == most_) {
        if (requests <= heap_.front().requests) return;
        std::pop_heap(heap_.begin(), heap_.end(), is_busier);
        heap_.pop_back();
    }
    heap_.push_back({requests, v_host});
    std::push_heap(heap_.begin(), heap_.end(), is_busier);
}

}  // namespace penstock::control
