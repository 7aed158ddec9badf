// Tracker: whatever becomes of requests, the numbers of the route, the backend and everything
// agree.
#include "proxy/tracker.hpp"

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using proxy::Tracker;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned workers = 3;
constexpr TimePoint start{seconds(1'000)};

/// A route with two backends and the live state behind it.
struct Site {
    Site() {
        route.live = &live;
        route.upstreams.resize(2);
        for (std::size_t i = 0; i < 2; ++i) route.upstreams[i].live = &backends[i];
    }
    RouteLive live{workers};
    BackendLive backends[2]{BackendLive(workers), BackendLive(workers)};
    Route route;
};

Counts sum_of(const SeriesSet& set) {
    Counts counts;
    set.for_each([&](unsigned, const Series& series) { counts += series.counts(); });
    return counts;
}

void check_sum(const Counts& counts) {
    CHECK(counts.received ==
          counts.completed + counts.rejected + counts.aborted + counts.active + counts.queued);
}

Histogram latency(const SeriesSet& set, const Totals& totals, Phase phase, TimePoint now) {
    Histogram histogram;
    set.for_each([&](unsigned worker, const Series& series) {
        series.latencies().collect(totals.by_worker[worker].pool, moment_of(now).period, phase,
                                   histogram);
    });
    return histogram;
}

}  // namespace

TEST_CASE("the numbers add up at each step of any interleaving, and all is told apart") {
    Totals totals(workers);
    std::vector<std::unique_ptr<Tracker>> trackers;
    for (unsigned worker = 0; worker < workers; ++worker)
        trackers.push_back(std::make_unique<Tracker>(worker, totals));
    Site sites[2];
    struct Running {
        unsigned worker;
        Site* site;
        bool queued;
    };
    std::vector<Running> running;
    std::mt19937 random(11);
    TimePoint now = start;
    std::uint64_t ended[3] = {};
    std::uint64_t received = 0;
    for (int step = 0; step < 5'000; ++step) {
        now += milliseconds(random() % 20);
        const bool begins = running.empty() || random() % 2 == 0;
        if (begins && step < 4'000) {
            const Running one{static_cast<unsigned>(random() % workers), &sites[random() % 2],
                              false};
            trackers[one.worker]->received(one.site->route, now);
            running.push_back(one);
            ++received;
        } else if (!running.empty()) {
            const std::size_t at = random() % running.size();
            Running& one = running[at];
            Tracker& tracker = *trackers[one.worker];
            if (one.queued) {
                tracker.dequeued(one.site->route);
                one.queued = false;
            } else if (random() % 3 == 0) {
                tracker.queued(one.site->route);
                one.queued = true;
            } else {
                const auto outcome = static_cast<Outcome>(random() % 3);
                tracker.ended({.route = &one.site->route, .outcome = outcome, .now = now});
                ++ended[static_cast<std::size_t>(outcome)];
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
            }
        }
        const Counts everything = sum_of(totals.everything);
        check_sum(everything);
        REQUIRE(everything.active + everything.queued == running.size());
        Counts routes;
        for (const Site& site : sites) {
            check_sum(sum_of(site.live.series));
            routes += sum_of(site.live.series);
        }
        REQUIRE(routes.received == everything.received);
        REQUIRE(routes.queued == everything.queued);
    }
    const Counts counts = sum_of(totals.everything);
    CHECK(counts.received == received);
    CHECK(counts.completed == ended[0]);
    CHECK(counts.rejected == ended[1]);
    CHECK(counts.aborted == ended[2]);
}

TEST_CASE("an attempt counts for its backend alone, a request for its route and everything") {
    Totals totals(1);
    Tracker tracker(0, totals);
    Site site;
    const Upstream& dead = site.route.upstreams[0];
    const Upstream& good = site.route.upstreams[1];
    tracker.received(site.route, start);
    tracker.attempt_began(dead, start);
    CHECK(sum_of(dead.live->series).active == 1);
    tracker.attempt_ended(dead, {.outcome = AttemptOutcome::failed,
                                 .error = ErrorKind::connection_refused,
                                 .started = start,
                                 .now = start + milliseconds(1),
                                 .connect = milliseconds(1)});
    tracker.attempt_began(good, start + milliseconds(1));
    const TimePoint end = start + milliseconds(31);
    tracker.attempt_ended(good, {.status = 200,
                                 .started = start + milliseconds(1),
                                 .now = end,
                                 .bytes_out = 512,
                                 .connect = milliseconds(2),
                                 .first_byte = milliseconds(20)});
    tracker.ended({.route = &site.route,
                   .upstream = &good,
                   .status = 200,
                   .retries = 1,
                   .started = start,
                   .now = end,
                   .bytes_out = 512,
                   .first_byte = milliseconds(21)});

    const Counts failed = sum_of(dead.live->series);
    CHECK(failed.received == 1);
    CHECK(failed.rejected == 1);
    CHECK(failed.errors[static_cast<std::size_t>(ErrorKind::connection_refused)] == 1);
    const Counts answered = sum_of(good.live->series);
    CHECK(answered.completed == 1);
    CHECK(answered.status[1] == 1);
    for (const SeriesSet* set : {&site.live.series, &totals.everything}) {
        const Counts counts = sum_of(*set);
        CHECK(counts.received == 1);
        CHECK(counts.completed == 1);
        CHECK(counts.retries == 1);
        CHECK(counts.bytes_out == 512);
        CHECK(latency(*set, totals, Phase::queue, end).count() == 0);
        CHECK(latency(*set, totals, Phase::connect, end).count() == 0);
        CHECK(latency(*set, totals, Phase::first_byte, end).count() == 1);
        const Duration total = latency(*set, totals, Phase::total, end).max();
        CHECK(total > microseconds(30'690));
        CHECK(total < microseconds(31'310));
    }
    CHECK(latency(dead.live->series, totals, Phase::connect, end).count() == 1);
    CHECK(latency(dead.live->series, totals, Phase::total, end).count() == 0);
    CHECK(latency(good.live->series, totals, Phase::connect, end).count() == 1);
}

TEST_CASE("the total is of completed requests, and of no tunnel") {
    Totals totals(1);
    Tracker tracker(0, totals);
    Site site;
    for (const Outcome outcome : {Outcome::completed, Outcome::rejected, Outcome::aborted}) {
        for (const bool tunnelled : {false, true}) {
            tracker.received(site.route, start);
            tracker.ended({.route = &site.route,
                           .outcome = outcome,
                           .tunnelled = tunnelled,
                           .started = start,
                           .now = start + milliseconds(1),
                           .queue = milliseconds(1)});
        }
    }
    CHECK(latency(site.live.series, totals, Phase::total, start).count() == 1);
    CHECK(latency(site.live.series, totals, Phase::queue, start).count() == 6);
    CHECK(sum_of(site.live.series).tunnelled == 3);
}

TEST_CASE("who sees that a request has ended finds its latency", "[threads]") {
    Totals totals(1);
    Site site;
    constexpr std::uint64_t requests = 20'000;
    std::thread worker([&] {
        Tracker tracker(0, totals);
        for (std::uint64_t i = 0; i < requests; ++i) {
            tracker.received(site.route, start);
            tracker.ended({.route = &site.route, .started = start, .now = start});
        }
    });
    std::uint64_t missing = 0;
    for (std::uint64_t ended = 0; ended < requests;) {
        ended = sum_of(site.live.series).completed;
        const std::uint64_t measured =
            latency(site.live.series, totals, Phase::total, start).count();
        if (measured < ended) ++missing;
    }
    worker.join();
    CHECK(missing == 0);
}

TEST_CASE("what has no route is unrouted and nothing else") {
    Totals totals(1);
    Tracker tracker(0, totals);
    tracker.ended({.status = 404, .now = start});
    CHECK(totals.by_worker[0].unrouted.load() == 1);
    CHECK(sum_of(totals.everything).received == 0);
    CHECK(sum_of(totals.everything).active == 0);
}

TEST_CASE("kinds of errors are found by their names in Proxy-Status") {
    CHECK(error_kind_of("") == ErrorKind::none);
    CHECK(error_kind_of("connection_refused") == ErrorKind::connection_refused);
    CHECK(error_kind_of("proxy_internal_error") == ErrorKind::proxy_internal_error);
    CHECK(error_kind_of("something_new") == ErrorKind::other);
}
