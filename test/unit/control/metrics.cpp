// /metrics: each request in one row, rows that never go down, and the format.
#include "control/metrics/metrics.hpp"

#include <catch2/catch_test_macros.hpp>

#include "control/metrics/exposition.hpp"
#include "fixture.hpp"

using namespace penstock;
using namespace penstock::control;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr unsigned workers = 2;

class MetricsFixture : public ApiFixture {
  public:
    MetricsFixture() { publisher.expect_workers(workers); }

    void add_route(const std::string& v_host) {
        const std::string body =
            R"({"backends":[{"hostname":"10.0.0.1","port":80}],"vHost":")" + v_host + "\"}";
        REQUIRE(status(ask("POST", "/api/v1/routes", body)) == 201);
    }
    void complete(const std::string& v_host, TimePoint now, Duration taken = milliseconds(3)) {
        const snapshot::Route& route = *publisher.find(v_host);
        auto& pool = publisher.totals().by_worker[0].pool;
        const auto moment = snapshot::moment_of(now);
        pool.advance(moment.period);
        for (auto* set : {&route.live->series, &publisher.totals().everything}) {
            auto& series = set->of(0);
            series.begin(moment);
            series.record(pool, moment.period, snapshot::Phase::total, snapshot::bucket_of(taken));
            series.end({.status_class = 2, .bytes_out = 10});
        }
    }
    static std::uint64_t durations(const Tally& tally) {
        std::uint64_t count = 0;
        for (std::size_t i = 0; i < latency_buckets; ++i)
            count += tally[Tally::bucket(snapshot::Phase::total, i)];
        return count;
    }
};

const MeteredRow& row(const Metered& metered, const std::string& v_host) {
    const auto at = metered.routes().find(v_host);
    REQUIRE(at != metered.routes().end());
    return at->second;
}

}  // namespace

TEST_CASE("label values are escaped, and samples are lines", "[control]") {
    CHECK(label("vhost", "a\\b\"c\nd") == R"(vhost="a\\b\"c\nd")");
    Exposition out;
    out.begin("x_total", Exposition::Kind::counter, "What it is.");
    out.sample({}, std::uint64_t{1});
    out.sample(label("a", "1"), 0.5, label("b", "2"));
    out.part("_sum", label("a", "1"), 2.0);
    CHECK(std::move(out).take() ==
          "# HELP x_total What it is.\n# TYPE x_total counter\nx_total 1\n"
          "x_total{a=\"1\",b=\"2\"} 0.5\nx_total_sum{a=\"1\"} 2\n");
}

TEST_CASE_METHOD(MetricsFixture, "no route can be called as the rest is", "[control]") {
    CHECK(status(ask("POST", "/api/v1/routes", R"x({"vHost":"(other)","backends":[]})x")) == 422);
}

TEST_CASE_METHOD(MetricsFixture, "what windows forget is still counted", "[control]") {
    add_route("a.example");
    Metered metered(configuration, {.routes = 10, .backends = 10});
    const TimePoint start = Clock::now();
    metered.fill(start);
    std::uint64_t expected = 0;
    std::uint64_t micros = 0;
    for (int second = 0; second < 200; second += 5) {
        const TimePoint now = start + seconds(second);
        complete("a.example", now);
        ++expected;
        if (second % 10 == 0) metered.gather(now);
        metered.refresh(now);
        const Tally& tally = row(metered, "a.example").tally;
        CHECK(tally[Tally::completed] == expected);
        CHECK(durations(tally) == expected);
        const std::uint64_t sum = tally[Tally::latency_sum(snapshot::Phase::total)];
        CHECK(sum >= micros);
        micros = sum;
    }
    CHECK(micros > 40 * 2'970);
    CHECK(micros < 40 * 3'030);
    CHECK(durations(metered.everything().tally) == expected);
    CHECK(durations(metered.rest().tally) == 0);
}

TEST_CASE_METHOD(MetricsFixture, "latencies stand in the bucket of their bound", "[control]") {
    add_route("a.example");
    Metered metered(configuration, {.routes = 10, .backends = 10});
    const TimePoint now = Clock::now();
    metered.fill(now);
    for (const auto taken : {std::chrono::microseconds(100), std::chrono::microseconds(495),
                             std::chrono::microseconds(600), std::chrono::microseconds(70'000'000)})
        complete("a.example", now, taken);
    metered.refresh(now);
    const Tally& tally = row(metered, "a.example").tally;
    CHECK(tally[Tally::bucket(snapshot::Phase::total, 0)] == 2);
    CHECK(tally[Tally::bucket(snapshot::Phase::total, 1)] == 1);
    CHECK(tally[Tally::bucket(snapshot::Phase::total, latency_buckets - 1)] == 1);
}

TEST_CASE_METHOD(MetricsFixture, "a request is in one row: its route's, or the rest's",
                 "[control]") {
    for (const char* v_host : {"a.example", "b.example", "c.example"}) add_route(v_host);
    Metered metered(configuration, {.routes = 2, .backends = 1});
    const TimePoint now = Clock::now();
    metered.fill(now);
    CHECK(!metered.add("c.example", now));
    CHECK(!metered.add("nobody.example", now));
    for (const char* v_host : {"a.example", "b.example", "b.example", "c.example", "c.example"})
        complete(v_host, now);
    metered.refresh(now);
    CHECK(row(metered, "a.example").tally[Tally::received] == 1);
    CHECK(row(metered, "b.example").tally[Tally::received] == 2);
    CHECK(metered.rest().tally[Tally::received] == 2);
    CHECK(metered.rest().tally[Tally::status + 1] == 2);
    CHECK(durations(metered.rest().tally) == 2);
    CHECK(metered.backends_left_out() == 1);

    // Another one is named in its place: from nothing on, and nobody else's number moves.
    metered.remove("a.example");
    REQUIRE(metered.add("c.example", now));
    metered.refresh(now);
    CHECK(row(metered, "c.example").tally[Tally::received] == 0);
    CHECK(durations(row(metered, "c.example").tally) == 0);
    CHECK(metered.rest().tally[Tally::received] == 2);
    complete("a.example", now);
    complete("c.example", now);
    metered.refresh(now);
    CHECK(row(metered, "c.example").tally[Tally::received] == 1);
    CHECK(metered.rest().tally[Tally::received] == 3);
    CHECK(metered.everything().tally[Tally::received] == 7);
}

TEST_CASE_METHOD(MetricsFixture, "a deleted route takes its numbers with it, everything keeps them",
                 "[control]") {
    add_route("a.example");
    const TimePoint now = Clock::now();
    complete("a.example", now);
    CHECK(metrics.text(now).find("penstock_requests_received_total{vhost=\"a.example\"} 1\n") !=
          std::string::npos);
    REQUIRE(status(ask("DELETE", "/api/v1/routes/a.example")) == 204);
    const std::string text = metrics.text(now);
    CHECK(text.find("a.example") == std::string::npos);
    CHECK(text.find("vhost=\"(other)\"") == std::string::npos);
    CHECK(text.find("penstock_server_requests_received_total 1\n") != std::string::npos);
    add_route("a.example");
    CHECK(metrics.text(now).find("penstock_requests_received_total{vhost=\"a.example\"} 0\n") !=
          std::string::npos);
}

TEST_CASE_METHOD(MetricsFixture, "it is answered as text", "[control]") {
    const ApiResponse response = ask("GET", "/metrics");
    CHECK(status(response) == 200);
    CHECK(response.content_type == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(
        response.body.find("penstock_build_info{version=\"1.2.3\",commit=\"abc\",engine=\"epoll\"} "
                           "1\n") != std::string::npos);
    CHECK(status(ask("POST", "/metrics")) == 405);
}
