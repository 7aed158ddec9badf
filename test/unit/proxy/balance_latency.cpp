// LEAST_LATENCY: what is known of a backend's latency, and how requests go by it, simulated in
// virtual time.
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <queue>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "balance_fixture.hpp"
#include "snapshot/backend_load.hpp"

using namespace balance_test;
using namespace std::chrono_literals;
using snapshot::RecentLatency;

namespace {

constexpr TimePoint start = TimePoint(1'000'000s);

bool is_near(const RecentLatency& latency, Duration wanted, TimePoint now) {
    const auto ticks = static_cast<double>(latency.estimate(now).ticks);
    const auto target = static_cast<double>(RecentLatency::ticks_of(wanted));
    return ticks > target * 0.9 && ticks < target * 1.1;
}

/// Backends that serve a few requests at a time and let the others wait, as real ones do; requests
/// come evenly. Time is virtual.
class Simulation {
  public:
    explicit Simulation(std::vector<Duration> service, unsigned at_once = 8)
        : balanced(BalancingStrategy::least_latency, std::vector<unsigned>(service.size(), 1)),
          service_(std::move(service)),
          at_once_(at_once),
          waiting_(service_.size()),
          busy_(service_.size()) {}

    void set_service(std::size_t backend, Duration time) { service_[backend] = time; }
    /// Refuses connections, at once.
    void set_refusing(std::size_t backend, bool on) { refusing_[backend] = on; }

    struct Outcome {
        Shares shares;
        Duration mean{};
        unsigned most_in_flight = 0;  // at one backend
    };
    Outcome run(Duration length, unsigned requests_a_second) {
        Outcome outcome;
        Duration sum{};
        int answered = 0;
        const TimePoint end = now_ + length;
        const Duration gap = Duration(1s) / requests_a_second;
        for (TimePoint next = now_; next < end; next += gap) {
            while (!serving_.empty() && serving_.top().at <= next) {
                sum += finish();
                ++answered;
            }
            now_ = next;
            ++outcome.shares[send()];
            for (const auto& upstream : balanced.route().upstreams)
                outcome.most_in_flight =
                    std::max(outcome.most_in_flight, upstream.live->load.in_flight.load());
        }
        outcome.mean = answered == 0 ? Duration{} : sum / answered;
        return outcome;
    }

    BalancedRoute balanced;

  private:
    struct Service {
        TimePoint at;  // its end
        std::size_t backend;
        TimePoint began;  // when the request was sent
        bool operator<(const Service& other) const { return at > other.at; }
    };

    std::string send() {
        const snapshot::Route& route = balanced.route();
        const auto* upstream = proxy::pick_upstream(route, {random_, now_});
        proxy::load::began(route, *upstream, now_);
        if (refusing_[upstream->backend]) {
            proxy::load::failed(route, *upstream, 50us, now_);
            proxy::load::ended(route, *upstream);
        } else if (busy_[upstream->backend] < at_once_) {
            serve(upstream->backend, now_, now_);
        } else {
            waiting_[upstream->backend].push(now_);
        }
        return upstream->id;
    }

    void serve(std::size_t backend, TimePoint from, TimePoint began) {
        ++busy_[backend];
        serving_.push({from + service_[backend], backend, began});
    }

    /// The next answer; how long its request took.
    Duration finish() {
        const Service done = serving_.top();
        serving_.pop();
        --busy_[done.backend];
        const snapshot::Upstream& upstream = balanced.route().upstreams[done.backend];
        proxy::load::answered(balanced.route(), upstream, done.at - done.began, done.at);
        proxy::load::ended(balanced.route(), upstream);
        if (!waiting_[done.backend].empty()) {
            serve(done.backend, done.at, waiting_[done.backend].front());
            waiting_[done.backend].pop();
        }
        return done.at - done.began;
    }

    std::vector<Duration> service_;
    unsigned at_once_;
    std::map<std::size_t, bool> refusing_;
    std::vector<std::queue<TimePoint>> waiting_;
    std::vector<unsigned> busy_;
    std::priority_queue<Service> serving_;
    Random random_{42};
    TimePoint now_ = start;
};

}  // namespace

TEST_CASE("the average follows what is measured and forgets with time", "[balance]") {
    RecentLatency latency;
    CHECK(latency.estimate(start).ticks == 0);
    CHECK_FALSE(latency.estimate(start).is_current);
    latency.record(10ms, start);
    CHECK(is_near(latency, 10ms, start));
    // One outlier among many moves it a little, a lasting change takes it along.
    latency.record(40ms, start + 1ms);
    CHECK(is_near(latency, 11ms, start + 1ms));
    for (int i = 0; i < 150; ++i) latency.record(40ms, start + 2ms);
    CHECK(is_near(latency, 40ms, start + 2ms));
    // Silence makes it cheaper, then stale; a sample after that stands for itself.
    const auto fresh = latency.estimate(start + 2ms).ticks;
    const auto older = latency.estimate(start + 3s).ticks;
    CHECK(older < fresh);
    CHECK(older > fresh / 2);
    CHECK_FALSE(latency.estimate(start + 6s).is_current);
    latency.record(1ms, start + 6s);
    CHECK(is_near(latency, 1ms, start + 6s));
}

TEST_CASE("clocks that differ and extreme measurements do no harm", "[balance]") {
    RecentLatency latency;
    latency.record(10ms, start);
    CHECK(latency.estimate(start - 5ms).is_current);  // a worker whose turn began earlier
    latency.record(10ms, start - 5ms);
    CHECK(is_near(latency, 10ms, start));
    latency.record(-1ms, start + 10s);
    CHECK(latency.estimate(start + 10s).ticks == 1);
    latency.record(std::chrono::hours(10), start + 20s);
    CHECK(latency.estimate(start + 20s).ticks == UINT32_MAX);
    CHECK_FALSE(latency.estimate(start + std::chrono::hours(24 * 40)).is_current);
}

TEST_CASE("a failure is charged as a long wait, however quick it was", "[balance]") {
    RecentLatency latency;
    latency.record(1ms, start);
    latency.record_failure(50us, start);
    CHECK(latency.estimate(start).ticks > RecentLatency::ticks_of(400ms));
}

TEST_CASE("what is not known gets one trial at a time, whoever asks", "[balance][threads]") {
    const BalancedRoute balanced(BalancingStrategy::least_latency, {1, 1, 1});
    for (const char* id : {"0", "1"}) {
        proxy::load::answered(balanced.route(), balanced.upstream(id), 1ms, start);
    }
    const auto trials_at = [&](TimePoint now) {
        std::atomic<int> trials{0};
        std::vector<std::thread> threads;
        for (int thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&] {
                Random random;
                for (int i = 0; i < 500; ++i) trials += balanced.pick({random, now}) == "2" ? 1 : 0;
            });
        }
        for (auto& thread : threads) thread.join();
        return trials.load();
    };
    CHECK(trials_at(start + 1ms) == 1);
    CHECK(trials_at(start + 2s) == 0);
    // Nobody heard of that trial again. (The others are kept current meanwhile.)
    for (const char* id : {"0", "1"})
        proxy::load::answered(balanced.route(), balanced.upstream(id), 1ms, start + 5s);
    CHECK(trials_at(start + 6s) == 1);
}

TEST_CASE("measuring from many threads loses nothing that matters", "[balance][threads]") {
    RecentLatency latency;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2'000; ++i)
                latency.record(7ms, start + std::chrono::microseconds(i));
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(is_near(latency, 7ms, start + 2ms));
}

TEST_CASE("the fastest takes most, and the others are looked at", "[balance]") {
    Simulation simulation({1ms, 5ms, 50ms});
    const auto outcome = simulation.run(30s, 1'000);
    CHECK(outcome.shares.at("0") > 24'000);
    CHECK(outcome.shares.at("0") > outcome.shares.at("1"));
    CHECK(outcome.shares.at("1") >= 5);
    CHECK(outcome.shares.at("2") >= 5);
    CHECK(outcome.shares.at("2") < 150);
}

TEST_CASE("the fastest is not swamped: what it cannot take goes on to the others", "[balance]") {
    // It can serve 2,000 a second, all three 2,440.
    Simulation simulation({1ms, 5ms, 50ms}, 2);
    const auto outcome = simulation.run(30s, 2'200);
    CHECK(outcome.shares.at("0") > 50'000);
    CHECK(outcome.shares.at("1") > 5'000);
    CHECK(outcome.mean < 20ms);
    CHECK(outcome.most_in_flight < 60);
}

TEST_CASE("a backend that has recovered is found again within ten seconds", "[balance]") {
    Simulation simulation({2ms, 2ms, 500ms});
    const auto slow = simulation.run(20s, 500);
    CHECK(slow.shares.at("2") < 100);
    simulation.set_service(2, 200us);
    simulation.run(10s, 500);
    const auto recovered = simulation.run(2s, 500);
    CHECK(recovered.shares.at("2") > 500);
}

TEST_CASE("one that refuses at once looks fast to nobody, and is found again", "[balance]") {
    Simulation simulation({2ms, 2ms, 2ms});
    simulation.run(2s, 500);
    simulation.set_refusing(2, true);
    const auto refusing = simulation.run(20s, 500);
    CHECK(refusing.shares.at("2") <= 10);
    simulation.set_refusing(2, false);
    simulation.run(10s, 500);
    const auto recovered = simulation.run(2s, 500);
    CHECK(recovered.shares.at("2") > 100);
}

TEST_CASE("among many, the better of two: slow ones get little, equals share", "[balance]") {
    std::vector<Duration> service(32, 1ms);
    for (std::size_t i = 0; i < 4; ++i) service[i] = 100ms;
    Simulation simulation(service);
    simulation.run(2s, 5'000);  // each has been met
    const auto outcome = simulation.run(10s, 5'000);
    for (std::size_t i = 0; i < service.size(); ++i) {
        const auto share = outcome.shares.find(std::to_string(i));
        const int count = share == outcome.shares.end() ? 0 : share->second;
        CAPTURE(i, count);
        CHECK((i < 4 ? count < 400 : count > 800));  // an even share: 1,562
    }
}

TEST_CASE("weight makes a backend look as much faster", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::least_latency, {1, 4});
    Random random(1);
    proxy::load::answered(balanced.route(), balanced.upstream("0"), 10ms, start);
    proxy::load::answered(balanced.route(), balanced.upstream("1"), 30ms, start);
    CHECK(balanced.pick({random, start}) == "1");
    proxy::load::began(balanced.route(), balanced.upstream("1"), start);
    CHECK(balanced.pick({random, start}) == "0");
}
