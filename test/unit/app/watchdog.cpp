#include "app/watchdog.hpp"

#include <future>

#include <catch2/catch_test_macros.hpp>

#include "io/ring.hpp"

using namespace penstock;
using namespace penstock::app;
using namespace std::chrono_literals;

namespace {

/// A loop on a thread of its own, which can be held up.
class Turning {
  public:
    Turning() {
        std::promise<void> made;
        auto is_made = made.get_future();
        thread_ = std::thread([this, &made] {
            auto ring = io::Ring::create(io::Engine::epoll);
            ring_ = std::move(*ring);
            made.set_value();
            ring_->run_until([this] { return ending_; });
            ended_ = true;
        });
        is_made.get();
    }
    Turning(const Turning&) = delete;
    Turning& operator=(const Turning&) = delete;
    ~Turning() { end(); }

    io::Mailbox& mailbox() { return ring_->mailbox(); }
    bool has_ended() const { return ended_; }
    /// Nothing turns until the future is ready.
    void hold(std::shared_future<void> until) {
        mailbox().post([until] { until.wait(); });
    }
    void end() {
        if (!thread_.joinable()) return;
        mailbox().post([this] { ending_ = true; });
        thread_.join();
    }

  private:
    std::unique_ptr<io::Ring> ring_;
    bool ending_ = false;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

/// The first loop that is reported, to be waited for.
class Reports {
  public:
    void operator()(const Watchdog::Stuck& stuck) {
        if (!std::exchange(reported_, true)) first_.set_value(stuck);
    }
    std::future<Watchdog::Stuck> first() { return first_.get_future(); }

  private:
    std::promise<Watchdog::Stuck> first_;
    bool reported_ = false;
};

}  // namespace

TEST_CASE("a loop that is held up is reported, the one beside it is not", "[threads]") {
    Watchdog dog;
    Turning good;
    Turning bad;
    std::promise<void> go;
    Reports reports;
    auto first = reports.first();
    dog.watch("good", good.mailbox(), 200ms, [&] { return good.has_ended(); });
    dog.watch("bad", bad.mailbox(), 200ms, [&] { return bad.has_ended(); });
    dog.on_stuck([&](const Watchdog::Stuck& stuck) { reports(stuck); });
    bad.hold(go.get_future().share());
    dog.start();
    REQUIRE(first.wait_for(30s) == std::future_status::ready);
    const Watchdog::Stuck stuck = first.get();
    CHECK(stuck.name == "bad");
    CHECK(stuck.since >= 200ms);
    go.set_value();
    dog.stop();
}

TEST_CASE("the thread of a loop that has come round is known when it is held up", "[threads]") {
    Watchdog dog;
    Turning loop;
    std::promise<void> go;
    std::promise<void> came_round;
    Reports reports;
    auto first = reports.first();
    dog.watch("loop", loop.mailbox(), 300ms, [&] { return loop.has_ended(); });
    dog.tell_alive(1ms, [&, told = false]() mutable {
        if (!std::exchange(told, true)) came_round.set_value();
    });
    dog.on_stuck([&](const Watchdog::Stuck& stuck) { reports(stuck); });
    dog.start();
    REQUIRE(came_round.get_future().wait_for(30s) == std::future_status::ready);
    loop.hold(go.get_future().share());
    REQUIRE(first.wait_for(30s) == std::future_status::ready);
    CHECK(first.get().thread != 0);
    go.set_value();
    dog.stop();
}

TEST_CASE("a loop that sleeps, and one that has ended, are not stuck, and all are alive",
          "[threads]") {
    Watchdog dog;
    Turning sleeper;
    Turning gone;
    gone.end();
    std::atomic<int> reported{0};
    std::promise<void> often;
    int told = 0;
    dog.watch("sleeper", sleeper.mailbox(), 50ms, [&] { return sleeper.has_ended(); });
    dog.watch("gone", gone.mailbox(), 50ms, [&] { return gone.has_ended(); });
    dog.on_stuck([&](const Watchdog::Stuck&) { ++reported; });
    dog.tell_alive(20ms, [&] {
        if (++told == 10) often.set_value();  // ten times: 200 ms, four times the limit
    });
    dog.start();
    REQUIRE(often.get_future().wait_for(30s) == std::future_status::ready);
    dog.stop();
    CHECK(reported == 0);
}

TEST_CASE("nobody is told that all are alive while one is held up", "[threads]") {
    Watchdog dog;
    Turning loop;
    std::promise<void> go;
    std::atomic<int> told{0};
    Reports reports;
    auto first = reports.first();
    dog.watch("loop", loop.mailbox(), 200ms, [&] { return loop.has_ended(); });
    dog.tell_alive(5ms, [&] { ++told; });
    dog.on_stuck([&](const Watchdog::Stuck& stuck) { reports(stuck); });
    loop.hold(go.get_future().share());
    dog.start();
    REQUIRE(first.wait_for(30s) == std::future_status::ready);
    CHECK(told == 0);
    go.set_value();
    dog.stop();
}

TEST_CASE("a limit of zero: any time, and still it counts for being alive", "[threads]") {
    Watchdog dog;
    Turning loop;
    std::promise<void> go;
    std::promise<void> alive;
    std::atomic<int> reported{0};
    bool told = false;
    dog.watch("loop", loop.mailbox(), 0ms, [&] { return loop.has_ended(); });
    dog.on_stuck([&](const Watchdog::Stuck&) { ++reported; });
    dog.tell_alive(20ms, [&] {
        if (!std::exchange(told, true)) alive.set_value();
    });
    dog.start();
    REQUIRE(alive.get_future().wait_for(30s) == std::future_status::ready);
    dog.stop();
    CHECK(reported == 0);
}
