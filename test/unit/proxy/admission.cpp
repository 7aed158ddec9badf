// A request's place at its route's gate: trying, waiting, giving up, and what meets what on the
// way.
#include "proxy/admission.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "../io/fixture.hpp"

using namespace penstock;
using namespace penstock::proxy;
using snapshot::AdmissionGate;
using Verdict = Admission::Verdict;

namespace {

using io::testing::run_until;

std::unique_ptr<io::Ring> make_ring() {
    return io::testing::make_ring(io::testing::each_engine());
}

/// A route as the data path sees it, with a gate.
struct GatedRoute {
    GatedRoute(std::uint32_t most_active, std::uint32_t most_queued) {
        route.is_gated = true;
        route.queue_timeout = std::chrono::seconds(60);
        route.live = &live;
        live.gate.set_limits(most_active, most_queued);
    }
    bool counts(std::uint32_t active, std::uint32_t queued) const {
        const AdmissionGate::Counts now = live.gate.counts();
        return now.active == active && now.queued == queued;
    }

    snapshot::RouteLive live{1};
    snapshot::Route route;
};

/// A request that has come: `verdict` is there once it is decided.
struct Request {
    Request(io::Ring& ring, const snapshot::Route& route) : admission(ring) {
        verdict = admission.try_enter(route);
    }
    void wait() { io::spawn(take_turn(*this)); }
    static io::Task<void> take_turn(Request& request) {
        const Verdict verdict = co_await request.admission.wait_turn();
        request.verdict = verdict;
    }

    Admission admission;
    std::optional<Verdict> verdict;
};

}  // namespace

TEST_CASE("a route without a limit admits at once and counts nothing") {
    auto ring = make_ring();
    GatedRoute gated(0, 0);
    gated.route.is_gated = false;
    Request request(*ring, gated.route);
    CHECK(request.verdict == Verdict::admitted);
    CHECK(gated.counts(0, 0));
    request.admission.release();
}

TEST_CASE("a slot is given back once, at the latest with the exchange") {
    auto ring = make_ring();
    GatedRoute gated(2, 0);
    {
        Request first(*ring, gated.route);
        Request second(*ring, gated.route);
        CHECK(first.verdict == Verdict::admitted);
        CHECK(second.verdict == Verdict::admitted);
        CHECK(Request(*ring, gated.route).verdict == Verdict::queue_full);
        CHECK(gated.counts(2, 0));
        first.admission.release();
        first.admission.release();
        CHECK(gated.counts(1, 0));
    }
    CHECK(gated.counts(0, 0));
}

TEST_CASE("who waits is admitted when its turn comes, and not before") {
    auto ring = make_ring();
    GatedRoute gated(1, 2);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    Request third(*ring, gated.route);
    second.wait();
    third.wait();
    CHECK(second.admission.is_waiting());
    ring->run_ready();
    CHECK_FALSE(second.verdict);
    first.admission.release();
    run_until(*ring, [&] { return second.verdict.has_value(); });
    CHECK(second.verdict == Verdict::admitted);
    CHECK_FALSE(second.admission.is_waiting());
    CHECK_FALSE(third.verdict);
    CHECK(gated.counts(1, 1));
    second.admission.release();
    run_until(*ring, [&] { return third.verdict.has_value(); });
    CHECK(third.verdict == Verdict::admitted);
}

TEST_CASE("an answer that comes before the wait has begun is not lost") {
    auto ring = make_ring();
    GatedRoute gated(1, 1);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    first.admission.release();
    ring->run_ready();
    second.wait();
    CHECK(second.verdict == Verdict::admitted);
    CHECK(gated.counts(1, 0));
}

TEST_CASE("who has waited for too long is told so, and its place is free") {
    auto ring = make_ring();
    GatedRoute gated(1, 1);
    gated.route.queue_timeout = std::chrono::milliseconds(20);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    const TimePoint began = ring->now();  // what the loop counts from
    second.wait();
    run_until(*ring, [&] { return second.verdict.has_value(); });
    CHECK(second.verdict == Verdict::timed_out);
    CHECK(Clock::now() - began >= std::chrono::milliseconds(20));
    CHECK(gated.counts(1, 0));
}

TEST_CASE("who gives up leaves the queue at once and ends in the same turn") {
    auto ring = make_ring();
    GatedRoute gated(1, 1);
    Request first(*ring, gated.route);
    SECTION("while it waits") {
        Request second(*ring, gated.route);
        second.wait();
        second.admission.abandon();
        CHECK(gated.counts(1, 0));
        CHECK_FALSE(second.admission.is_waiting());
        ring->run_ready();
        CHECK(second.verdict == Verdict::abandoned);
    }
    SECTION("before it waits") {
        Request second(*ring, gated.route);
        second.admission.abandon();
        CHECK(gated.counts(1, 0));
        second.wait();
        CHECK(second.verdict == Verdict::abandoned);
    }
    SECTION("for another reason") {
        Request second(*ring, gated.route);
        second.wait();
        second.admission.give_up(Verdict::no_backend);
        ring->run_ready();
        CHECK(second.verdict == Verdict::no_backend);
    }
    SECTION("twice") {
        Request second(*ring, gated.route);
        second.wait();
        second.admission.abandon();
        second.admission.give_up(Verdict::no_backend);
        ring->run_ready();
        CHECK(second.verdict == Verdict::abandoned);
        CHECK(gated.counts(1, 0));
    }
}

TEST_CASE("giving up means nothing to one who has a slot") {
    auto ring = make_ring();
    GatedRoute gated(1, 0);
    Request request(*ring, gated.route);
    request.admission.abandon();
    CHECK(gated.counts(1, 0));
}

TEST_CASE("a slot on its way to one who gives up goes on to the next") {
    auto ring = make_ring();
    GatedRoute gated(1, 2);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    Request third(*ring, gated.route);
    second.wait();
    third.wait();
    first.admission.release();  // the slot is second's, the message not delivered
    CHECK(gated.counts(1, 1));
    second.admission.abandon();
    run_until(*ring, [&] { return second.verdict && third.verdict; });
    CHECK(second.verdict == Verdict::abandoned);
    CHECK(third.verdict == Verdict::admitted);
    CHECK(gated.counts(1, 0));
    third.admission.release();
    CHECK(gated.counts(0, 0));
}

TEST_CASE("a slot that is on its way when the time is up has come in time") {
    auto ring = make_ring();
    GatedRoute gated(1, 1);
    gated.route.queue_timeout = std::chrono::milliseconds(5);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    second.wait();
    first.admission.release();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    // Timers fire before mail is delivered: the time-out meets a slot that has been given.
    ring->wait(Clock::now());
    ring->run_ready();
    CHECK(second.verdict == Verdict::admitted);
    CHECK(gated.counts(1, 0));
}

TEST_CASE("who waits is told why it will get no turn") {
    auto ring = make_ring();
    GatedRoute gated(1, 1);
    Request first(*ring, gated.route);
    Request second(*ring, gated.route);
    second.wait();
    SECTION("the route is gone") {
        gated.live.gate.close();
        run_until(*ring, [&] { return second.verdict.has_value(); });
        CHECK(second.verdict == Verdict::route_gone);
        CHECK(Request(*ring, gated.route).verdict == Verdict::route_gone);
    }
    SECTION("no backend is left") {
        gated.live.gate.answer_waiting(AdmissionGate::Answer::no_backend);
        run_until(*ring, [&] { return second.verdict.has_value(); });
        CHECK(second.verdict == Verdict::no_backend);
    }
    SECTION("it has given up, though an answer was on its way") {
        gated.live.gate.close();
        second.admission.abandon();
        CHECK(second.admission.is_waiting());
        run_until(*ring, [&] { return second.verdict.has_value(); });
        CHECK(second.verdict == Verdict::abandoned);
    }
    CHECK(gated.counts(1, 0));
}

TEST_CASE("a client is told to come back later only where the queue was full") {
    const OwnResponse full = response_to(Verdict::queue_full);
    CHECK(full.status == http::Status::service_unavailable);
    CHECK(full.extra_field == "Retry-After: 10\r\n");
    for (const Verdict verdict : {Verdict::timed_out, Verdict::route_gone, Verdict::no_backend}) {
        const OwnResponse refusal = response_to(verdict);
        CHECK(refusal.status == http::Status::service_unavailable);
        CHECK(refusal.extra_field.empty());
        CHECK_FALSE(refusal.error.empty());
    }
}

namespace {

constexpr unsigned worker_count = 3;
constexpr unsigned requests_each = 3'000;
constexpr unsigned at_a_time = 8;  // a worker

/// What the workers of the test below share.
struct Traffic {
    const snapshot::Route& route;
    std::uint32_t most_active;
    std::atomic<std::uint32_t> inside{0};
    std::atomic<unsigned> violations{0};
    std::atomic<unsigned> admitted{0};
    std::atomic<unsigned> gone{0};
    std::atomic<unsigned> refused{0};
};

/// A loop with clients that send one request after the other and now and then leave.
class Worker {
  public:
    Worker(Traffic& traffic, io::Engine engine, unsigned seed)
        : traffic_(traffic), engine_(engine), random_(seed) {}

    void run() {
        auto made = io::Ring::create(engine_);
        ring_ = std::move(*made);
        for (unsigned i = 0; i < at_a_time; ++i) io::spawn(client());
        ring_->run_until([this] { return ended_ == at_a_time; });
    }

  private:
    io::Task<void> client() {
        while (begun_ < requests_each) {
            ++begun_;
            Admission admission(*ring_);
            std::optional<Verdict> verdict = admission.try_enter(traffic_.route);
            if (!verdict) {
                if (random_() % 4 == 0) io::spawn(leave_soon(admission));
                const Verdict later = co_await admission.wait_turn();
                verdict = later;
            }
            if (verdict == Verdict::admitted) {
                if (traffic_.inside.fetch_add(1) >= traffic_.most_active) ++traffic_.violations;
                ++traffic_.admitted;
                co_await yield();
                traffic_.inside.fetch_sub(1);
            } else {
                ++(verdict == Verdict::abandoned ? traffic_.gone : traffic_.refused);
            }
            leaving_ = leaving_ == &admission ? nullptr : leaving_;
            admission.release();
            co_await yield();
        }
        ++ended_;
    }
    /// At the loop's next turn, if it waits still.
    io::Task<void> leave_soon(Admission& admission) {
        leaving_ = &admission;
        co_await yield();
        if (leaving_ == &admission) admission.abandon();
        if (leaving_ == &admission) leaving_ = nullptr;
    }
    io::Ring::SleepAwaiter yield() { return ring_->sleep(std::chrono::microseconds(1)); }

    Traffic& traffic_;
    io::Engine engine_;
    std::minstd_rand random_;
    std::unique_ptr<io::Ring> ring_;
    Admission* leaving_ = nullptr;
    unsigned begun_ = 0;
    unsigned ended_ = 0;
};

}  // namespace

TEST_CASE("workers hand slots to each other's requests, never one too many, none lost",
          "[threads]") {
    const io::Engine engine = io::probe_uring() ? GENERATE(io::Engine::uring, io::Engine::epoll)
                                                : GENERATE(io::Engine::epoll);
    GatedRoute gated(4, 12);
    Traffic traffic{.route = gated.route, .most_active = 4};
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<Worker>> workers;  // their rings outlive every thread's posting
    for (unsigned i = 0; i < worker_count; ++i) {
        workers.push_back(std::make_unique<Worker>(traffic, engine, i + 1));
        threads.emplace_back([&worker = *workers.back()] { worker.run(); });
    }
    for (auto& thread : threads) thread.join();
    CHECK(traffic.violations == 0);
    CHECK(gated.counts(0, 0));
    CHECK(traffic.admitted + traffic.gone + traffic.refused == worker_count * requests_each);
    CHECK(traffic.admitted > 0);
    CHECK(traffic.gone > 0);
    CHECK(traffic.refused > 0);
}
