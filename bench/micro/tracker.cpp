// What counting costs: nanoseconds a request for the route, its backend and everything.
//
// In CPU time of the thread, so that a busy machine is no part of it. Prints and asserts nothing.
// `penstock-bench-tracker [ROUTES]`: with few routes everything stays in the cache; with 10,000 it
// does not, and 64 requests are kept under way as on a busy worker, so that what received() asks
// the cache for can come.
#include "proxy/tracker.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <time.h>

namespace {

using namespace penstock;

constexpr std::size_t under_way = 64;
constexpr std::size_t requests = 4'000'000;

struct Site {
    snapshot::RouteLive route_live{1};
    snapshot::BackendLive backend_live{1};
    snapshot::Route route;
};

double cpu_nanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// The same walk without the tracker, to be subtracted.
template <bool counting>
double nanoseconds_a_request(std::vector<std::unique_ptr<Site>>& sites, proxy::Tracker& tracker,
                             TimePoint& now) {
    const double began = cpu_nanoseconds();
    std::uint64_t random = 88'172'645'463'325'252;
    std::vector<Site*> pending(under_way, nullptr);
    for (std::size_t i = 0; i < requests; ++i) {
        Site*& place = pending[i % under_way];
        now += std::chrono::microseconds(13);
        if (place != nullptr) {
            const Duration taken = std::chrono::microseconds(200 + (random & 511));
            const TimePoint started = now - taken;
            if constexpr (counting) {
                tracker.attempt_ended(
                    place->route.upstreams[0],
                    {.status = 200, .started = started, .now = now, .first_byte = taken});
                tracker.ended({.route = &place->route,
                               .status = 200,
                               .started = started,
                               .now = now,
                               .bytes_out = 128,
                               .first_byte = taken});
            }
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        place = sites[random % sites.size()].get();
        if constexpr (counting) {
            tracker.received(place->route, now);
            tracker.attempt_began(place->route.upstreams[0], now);
        } else {
            // What an exchange without counting reads too.
            place->route_live.cursor.fetch_add(1, std::memory_order_relaxed);
        }
    }
    if constexpr (counting) {
        for (Site* place : pending) {
            tracker.attempt_ended(place->route.upstreams[0], {.now = now});
            tracker.ended({.route = &place->route, .now = now});
        }
    }
    return (cpu_nanoseconds() - began) / requests;
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    snapshot::Totals totals(1);
    proxy::Tracker tracker(0, totals);
    std::vector<std::unique_ptr<Site>> sites;
    for (std::size_t i = 0; i < (count == 0 ? 1 : count); ++i) {
        sites.push_back(std::make_unique<Site>());
        sites.back()->route.live = &sites.back()->route_live;
        sites.back()->route.upstreams.emplace_back().live = &sites.back()->backend_live;
    }
    TimePoint now = Clock::now();                      // then as the requests let it pass
    nanoseconds_a_request<true>(sites, tracker, now);  // every Series is made
    for (int round = 0; round < 3; ++round) {
        const double without = nanoseconds_a_request<false>(sites, tracker, now);
        const double with = nanoseconds_a_request<true>(sites, tracker, now);
        std::printf("%zu routes: %.1f ns a request (%.1f with the loop)\n", sites.size(),
                    with - without, with);
    }
    std::printf("histograms: %zu KiB in use\n", totals.by_worker[0].pool.bytes_in_use() / 1024);
}
