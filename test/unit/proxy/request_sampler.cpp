// RequestSampler: so many and no more, whatever the load, and what each of them says.
#include "proxy/request_sampler.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using proxy::RequestSampler;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr TimePoint start{seconds(1'000)};

struct Sampled {
    Sampled() { totals.samples_wanted = true; }
    void end_at(Duration since_start) {
        record.now = start + since_start;
        record.started = record.now - milliseconds(3);
        sampler.ended(record);
    }
    std::vector<std::uint64_t> drained() {
        std::vector<std::uint64_t> stood_for;
        totals.by_worker[1].samples.drain(
            [&](const RequestSample& sample) { stood_for.push_back(sample.stands_for); });
        return stood_for;
    }
    Totals totals{2};
    RequestSampler sampler{1, totals};
    RequestRecord record;
};

}  // namespace

TEST_CASE("nobody looks: nothing is sampled") {
    Sampled some;
    some.totals.samples_wanted = false;
    some.end_at(seconds(1));
    CHECK(some.drained().empty());
}

TEST_CASE("one in each tenth of a second, which stands for all since the last") {
    Sampled some;
    for (int ms = 0; ms < 1'000; ++ms) some.end_at(milliseconds(ms));
    const auto first = some.drained();
    REQUIRE(first.size() == 10);
    CHECK(first.front() == 1);
    CHECK(first.back() == 100);
    some.totals.samples_wanted = false;
    some.end_at(seconds(2));
    some.totals.samples_wanted = true;
    some.end_at(seconds(60));
    CHECK(some.drained() == std::vector<std::uint64_t>{1});  // and for nothing of before
}

TEST_CASE("where the ring is full, the next one stands for what was left out") {
    Sampled some;
    for (int i = 0; i < 20; ++i) some.end_at(milliseconds(200 * i));
    CHECK(some.drained().size() == SampleRing::most);
    some.end_at(milliseconds(200 * 20));
    CHECK(some.drained() == std::vector<std::uint64_t>{5});
}

TEST_CASE("a sample has all of the record, and outlives its route") {
    Sampled some;
    auto route = std::make_unique<Route>();
    route->v_host = std::string(300, 'v');
    route->upstreams.resize(1);
    route->upstreams[0].authority = "10.0.0.1:80";
    some.record.route = route.get();
    some.record.upstream = &route->upstreams[0];
    some.record.outcome = Outcome::aborted;
    some.record.error = ErrorKind::connection_refused;
    some.record.status = 502;
    some.record.retries = 2;
    some.record.bytes_out = 7;
    some.record.connect = milliseconds(1);
    some.end_at(seconds(0));
    route.reset();
    int seen = 0;
    some.totals.by_worker[1].samples.drain([&](const RequestSample& sample) {
        ++seen;
        CHECK(sample.v_host.view() == std::string(255, 'v'));
        CHECK(sample.backend.view() == "10.0.0.1:80");
        CHECK(sample.outcome == Outcome::aborted);
        CHECK(sample.error == ErrorKind::connection_refused);
        CHECK(sample.status == 502);
        CHECK(sample.retries == 2);
        CHECK(sample.bytes_out == 7);
        CHECK(sample.connect == milliseconds(1));
        CHECK(!sample.queue);
        CHECK(sample.total == milliseconds(3));
    });
    CHECK(seen == 1);
}

TEST_CASE("one writes while the other reads, and no sample is torn", "[threads]") {
    Totals totals(1);
    totals.samples_wanted = true;
    RequestSampler sampler(0, totals);
    constexpr int count = 100'000;
    std::atomic<bool> done{false};
    std::thread worker([&] {
        RequestRecord record;
        for (int i = 1; i <= count; ++i) {
            record.now = start + seconds(i);
            record.started = record.now;
            record.bytes_in = record.bytes_out = static_cast<std::uint64_t>(i);
            sampler.ended(record);
        }
        done = true;
    });
    std::uint64_t last = 0;
    bool in_order = true;
    const auto drain = [&] {
        totals.by_worker[0].samples.drain([&](const RequestSample& sample) {
            in_order = in_order && sample.bytes_in == sample.bytes_out && sample.bytes_in > last;
            last = sample.bytes_in;
        });
    };
    while (!done) drain();
    worker.join();
    drain();
    CHECK(in_order);
    CHECK(last > 0);
}
