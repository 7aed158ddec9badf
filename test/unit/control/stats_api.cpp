// /stats: what is summed over workers, over which seconds, and how it is given.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "control/statistics.hpp"
#include "fixture.hpp"

using namespace penstock;
using namespace penstock::control;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned workers = 3;

class StatsFixture : public ApiFixture {
  public:
    StatsFixture() { publisher.expect_workers(workers); }

    /// A request that `worker` has completed now, of the route and in all.
    void complete(const snapshot::Route& route, unsigned worker, Duration taken) {
        const TimePoint now = Clock::now();
        const auto moment = snapshot::moment_of(now);
        auto& pool = publisher.totals().by_worker[worker].pool;
        pool.advance(moment.period);
        auto* all = &publisher.totals().everything;
        for (auto* set : {&route.live->series, all, &route.upstreams[0].live->series}) {
            auto& series = set->of(worker);
            series.begin(moment);
            series.end({.status_class = 2, .bytes_in = 3, .bytes_out = 10});
            series.record(pool, moment.period, snapshot::Phase::total, snapshot::bucket_of(taken));
        }
    }
    static double number_at(const ApiResponse& response, std::string_view pointer) {
        const auto document = model::JsonDocument::parse(response.body);
        REQUIRE(document.has_value());
        double number = -1;
        INFO(pointer << " of " << response.body);
        REQUIRE(document->root().at_pointer(pointer).get(number) == simdjson::SUCCESS);
        return number;
    }
    static std::size_t size_at(const ApiResponse& response, std::string_view pointer) {
        const auto document = model::JsonDocument::parse(response.body);
        REQUIRE(document.has_value());
        simdjson::dom::array array;
        REQUIRE(document->root().at_pointer(pointer).get(array) == simdjson::SUCCESS);
        return array.size();
    }
};

}  // namespace

TEST_CASE_METHOD(StatsFixture,
                 "before anything happens the numbers are zeroes and the form is whole") {
    const ApiResponse all = ask("GET", "/api/v1/stats");
    REQUIRE(status(all) == 200);
    CHECK(field(all, "Cache-Control") == "no-store");
    CHECK(field(all, "ETag") == "(none)");
    CHECK(field(all, "X-Total-Count") == "0");
    for (const char* name :
         {"received", "completed", "rejected", "aborted", "active", "queued", "unrouted"})
        CHECK(number_at(all, std::string("/requests/") + name) == 0);
    for (const char* phase : {"queue", "connect", "firstByte", "total"}) {
        for (const char* name : {"count", "mean", "p50", "p90", "p99", "p99.9", "max"})
            CHECK(number_at(all, std::string("/latency/") + phase + "/" + name) == 0);
    }
    CHECK(number_at(all, "/process/workers") == workers);
    CHECK(number_at(all, "/process/residentBytes") > 0);
    CHECK(number_at(all, "/uptime") >= 0);
    CHECK(number_at(all, "/connections/active") == 0);
    CHECK(size_at(all, "/routes") == 0);
}

TEST_CASE_METHOD(StatsFixture, "a route's numbers are the sum over the workers, and so are all") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    const snapshot::Route& route = *publisher.find("a.example");
    for (unsigned worker = 0; worker < workers; ++worker) {
        complete(route, worker, milliseconds(10));
        complete(route, worker, milliseconds(30));
    }
    publisher.totals().by_worker[1].unrouted.store(4);
    publisher.totals().by_worker[2].connections_opened.store(5);
    publisher.totals().by_worker[2].connections_closed.store(2);
    route.live->series.of(2).begin(snapshot::moment_of(Clock::now()));
    route.live->series.of(2).queue();

    const ApiResponse one = ask("GET", "/api/v1/stats/a.example");
    REQUIRE(status(one) == 200);
    CHECK(field(one, "Cache-Control") == "no-store");
    CHECK(text_at(one, "/vHost") == "a.example");
    CHECK(number_at(one, "/requests/received") == 7);
    CHECK(number_at(one, "/requests/completed") == 6);
    CHECK(number_at(one, "/requests/queued") == 1);
    CHECK(number_at(one, "/status/2xx") == 6);
    CHECK(number_at(one, "/bytes/in") == 18);
    CHECK(number_at(one, "/bytes/out") == 60);
    CHECK(number_at(one, "/latency/total/count") == 6);
    CHECK(number_at(one, "/latency/total/mean") == Catch::Approx(20).epsilon(0.01));
    CHECK(number_at(one, "/latency/total/p50") == Catch::Approx(10).epsilon(0.01));
    CHECK(number_at(one, "/latency/total/max") == Catch::Approx(30).epsilon(0.01));
    CHECK(number_at(one, "/latency/queue/count") == 0);
    REQUIRE(size_at(one, "/backends") == 1);
    CHECK(text_at(one, "/backends/0/id") == "b1");
    CHECK(text_at(one, "/backends/0/state") == "alive");
    CHECK(text_at(one, "/backends/0/targets/0/address") == "10.0.0.1:80");
    CHECK(number_at(one, "/backends/0/attempts/completed") == 6);
    CHECK(number_at(one, "/backends/0/latency/total/count") == 6);

    const ApiResponse all = ask("GET", "/api/v1/stats");
    CHECK(number_at(all, "/requests/received") == 6);
    CHECK(number_at(all, "/requests/unrouted") == 4);
    CHECK(number_at(all, "/connections/accepted") == 5);
    CHECK(number_at(all, "/connections/active") == 3);
    CHECK(number_at(all, "/process/histogramBytes") > 0);
    CHECK(number_at(all, "/routes/0/requests/received") == 7);
    CHECK(number_at(all, "/routes/0/latency/total/count") == 6);
}

TEST_CASE_METHOD(StatsFixture, "a deleted route's numbers go, those of everything stay") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    complete(*publisher.find("a.example"), 0, milliseconds(1));
    REQUIRE(status(ask("DELETE", "/api/v1/routes/a.example")) == 204);
    CHECK(status(ask("GET", "/api/v1/stats/a.example")) == 404);
    publisher.reclaim();
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(number_at(ask("GET", "/api/v1/stats/a.example"), "/requests/received") == 0);
    CHECK(number_at(ask("GET", "/api/v1/stats"), "/requests/received") == 1);
}

TEST_CASE_METHOD(StatsFixture, "a changed route keeps its numbers") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    complete(*publisher.find("a.example"), 0, milliseconds(1));
    REQUIRE(status(ask("PATCH", "/api/v1/routes/a.example", R"({"retries":1})")) == 200);
    const ApiResponse one = ask("GET", "/api/v1/stats/a.example");
    CHECK(number_at(one, "/requests/received") == 1);
    CHECK(number_at(one, "/backends/0/attempts/begun") == 1);
}

TEST_CASE_METHOD(StatsFixture, "the list of routes is a page, never longer than 1,000") {
    std::vector<RouteConfig> routes;
    for (int i = 0; i < 1'500; ++i) {
        RouteConfig route{.id = std::to_string(i),
                          .v_host = "r" + std::to_string(10'000 + i) + ".example"};
        route.backends.push_back({.id = "b", .hostname = "10.0.0.1", .port = 80});
        routes.push_back(std::move(route));
    }
    REQUIRE(configuration.replace_all(std::move(routes)));
    const ApiResponse first = ask("GET", "/api/v1/stats");
    CHECK(field(first, "X-Total-Count") == "1500");
    CHECK(size_at(first, "/routes") == 100);
    CHECK(text_at(first, "/routes/0/vHost") == "r10000.example");
    CHECK(size_at(ask("GET", "/api/v1/stats?limit=1000000"), "/routes") == 1'000);
    const ApiResponse next = ask("GET", "/api/v1/stats?limit=2&after=r11497.example");
    CHECK(size_at(next, "/routes") == 2);
    CHECK(text_at(next, "/routes/1/vHost") == "r11499.example");
    CHECK(size_at(ask("GET", "/api/v1/stats?after=r11499.example"), "/routes") == 0);
    const ApiResponse matching = ask("GET", "/api/v1/stats?match=r1149&limit=3");
    CHECK(field(matching, "X-Total-Count") == "10");
    CHECK(size_at(matching, "/routes") == 3);
    CHECK(text_at(matching, "/routes/2/vHost") == "r11492.example");
    CHECK(status(ask("GET", "/api/v1/stats?limit=0")) == 400);
    CHECK(status(ask("GET", "/api/v1/stats/r10000.example?limit=1")) == 400);
}

TEST_CASE_METHOD(StatsFixture, "paths and methods that are none") {
    CHECK(status(ask("GET", "/api/v1/stats/nowhere.example")) == 404);
    CHECK(status(ask("DELETE", "/api/v1/stats")) == 405);
    REQUIRE(
        status(ask("POST", "/api/v1/routes",
                   R"({"vHost":"*.b.example","backends":[{"hostname":"10.0.0.1","port":80}]})")) ==
        201);
    CHECK(status(ask("GET", "/api/v1/stats/*.b.example")) == 200);
    CHECK(status(ask("GET", "/api/v1/stats/%2A.B.example")) == 200);
}

TEST_CASE("rates are of whole seconds, and of no more than the process has lived") {
    snapshot::Totals totals(2);
    const auto at = [&](int second) { return totals.started + seconds(second); };
    for (int second = 0; second < 100; ++second) {
        for (int i = 0; i < second; ++i)
            totals.everything.of(static_cast<unsigned>(i % 2))
                .begin(snapshot::moment_of(at(second)));
    }
    const auto rates = [&](int second) {
        Rates sum;
        Statistics(totals, at(second)).add_rates(totals.everything, sum);
        return sum;
    };
    CHECK(rates(0).last_60_seconds == 0);
    CHECK(rates(99).last_second == 98);
    CHECK(rates(99).last_10_seconds == Catch::Approx((89 + 98) / 2.0));
    CHECK(rates(99).last_60_seconds == Catch::Approx((39 + 98) / 2.0));
    CHECK(rates(104).last_second == 0);

    snapshot::Totals young(1);
    for (int i = 0; i < 30; ++i) young.everything.of(0).begin(snapshot::moment_of(young.started));
    Rates early;
    Statistics(young, young.started + seconds(3)).add_rates(young.everything, early);
    CHECK(early.last_second == 0);
    CHECK(early.last_10_seconds == Catch::Approx(10));
    CHECK(early.last_60_seconds == Catch::Approx(10));
}
