// Passwords on their way to the auth threads and back: shared, remembered, left alone.
#include "proxy/password_checks.hpp"

#include <atomic>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "../io/fixture.hpp"
#include "proxy/worker.hpp"

using namespace penstock;
using namespace penstock::proxy;
using Outcome = PasswordChecks::Outcome;

namespace {

using io::testing::run_until;

/// bcrypt of "sesame", at its least cost.
const std::string hash = "$2y$04$VxXzOUwtwdvs1px9wmVNpuTiuXoOtTkvdCwOjWw6E8gEfU/pD/O2G";

snapshot::AuthProviderPtr provider_of(std::vector<BasicUser> users) {
    return snapshot::compile({.id = "p", .method = BasicAuth{.users = std::move(users)}});
}

/// Keeps a thread busy until it is told to go on.
struct Gate final : AuthWork {
    void run() noexcept override { opened.get_future().wait(); }
    std::promise<void> opened;
};

struct Count final : AuthWork {
    explicit Count(std::atomic<int>& c) : count(c) {}
    void run() noexcept override { ++count; }
    std::atomic<int>& count;
};

struct Silent final : GuardObserver {
    void on_guard_waits() noexcept override { ++waits; }
    void on_guard_goes_on() noexcept override { --waits; }
    int waits = 0;
};

/// A worker that does not run: its parts are asked from here.
struct Fixture {
    explicit Fixture(bool with_threads = true) : threads(1) {
        if (with_threads)
            checks.emplace(*ring, &threads);
        else
            checks.emplace(*ring, nullptr);
    }
    ~Fixture() {
        run_until(*ring, [&] { return checks->is_idle(); });
    }

    std::unique_ptr<io::Ring> ring = io::testing::make_ring(io::testing::each_engine());
    AuthThreads threads;
    std::optional<PasswordChecks> checks;
    snapshot::Publisher publisher;
    Settings settings;
    ConnectionLimits limits{1, 0};
    Worker worker{{}, settings, limits, publisher};
    snapshot::Route route;
    http::RequestHead head;
    Random random{1};
    Peer peer{*net::Address::parse("127.0.0.1", 1), settings};
    RequestIdentity identity{head, peer, settings, random};
    Silent observer;
};

/// One request's password; `outcome` is there once it is known.
struct Request {
    Request(Fixture& f, snapshot::AuthProviderPtr p, std::string name, const std::string& password)
        : fixture(f), provider(std::move(p)), name_size(name.size()) {
        pair = std::move(name) + ':' + password;
        io::spawn(ask(*this));
    }
    static io::Task<void> ask(Request& request) {
        const std::string_view name = std::string_view(request.pair).substr(0, request.name_size);
        const Outcome outcome = co_await request.fixture.checks->check(
            request.provider, request.pair, name, request.guard);
        request.outcome = outcome;
    }
    Outcome wait() {
        run_until(*fixture.ring, [&] { return outcome.has_value(); });
        return *outcome;
    }

    Fixture& fixture;
    snapshot::AuthProviderPtr provider;
    std::string pair;
    std::size_t name_size;
    Guard guard{
        fixture.worker, fixture.route, fixture.head, {fixture.identity, "http"}, fixture.observer};
    std::optional<Outcome> outcome;
};

}  // namespace

TEST_CASE("auth threads do what waits, up to a bound, and all of it before they end", "[threads]") {
    std::atomic<int> done{0};
    Gate gate;
    std::list<Count> works;
    {
        AuthThreads threads(1);
        REQUIRE(threads.submit(gate));
        int taken = 0;
        for (std::size_t i = 0; i < AuthThreads::most_queued + 2; ++i)
            taken += threads.submit(works.emplace_back(done)) ? 1 : 0;
        // The gate stands in the queue, or is being waited at already.
        CHECK(taken >= static_cast<int>(AuthThreads::most_queued) - 1);
        CHECK(taken <= static_cast<int>(AuthThreads::most_queued));
        CHECK_FALSE(threads.submit(works.emplace_back(done)));
        CHECK(done == 0);
        gate.opened.set_value();
        while (done < taken) std::this_thread::yield();
        done = 0;
        for (int i = 0; i < 10; ++i) REQUIRE(threads.submit(works.emplace_back(done)));
    }
    CHECK(done == 10);
}

TEST_CASE("a password is checked once, then known; so is a wrong one", "[threads]") {
    Fixture fixture;
    const auto provider = provider_of({{"ann", hash}});
    CHECK(Request(fixture, provider, "ann", "sesame").wait() == Outcome::good);
    CHECK(Request(fixture, provider, "ann", "open").wait() == Outcome::bad);
    CHECK(Request(fixture, provider, "eve", "sesame").wait() == Outcome::bad);
    CHECK(Request(fixture, provider, "", "").wait() == Outcome::bad);
    CHECK(fixture.observer.waits == 0);
    CHECK(fixture.checks->is_idle());
    CHECK(Request(fixture, provider, "ann", "sesame").outcome == Outcome::good);  // at once
    CHECK(Request(fixture, provider, "ann", "open").outcome == Outcome::bad);
    const auto changed = provider_of({{"bob", hash}});
    CHECK(Request(fixture, changed, "ann", "sesame").wait() == Outcome::bad);
    CHECK(Request(fixture, changed, "bob", "sesame").wait() == Outcome::good);
}

TEST_CASE("requests with the same credentials share a check; past the queue there is none",
          "[threads]") {
    Fixture fixture;
    const auto provider = provider_of({{"ann", hash}});
    Gate gate;
    std::atomic<int> done{0};
    std::list<Count> works;
    REQUIRE(fixture.threads.submit(gate));
    while (fixture.threads.submit(works.emplace_back(done))) {
    }
    CHECK(Request(fixture, provider, "ann", "sesame").outcome == Outcome::overloaded);
    gate.opened.set_value();
    while (done < static_cast<int>(works.size()) - 1) std::this_thread::yield();

    Gate second;
    REQUIRE(fixture.threads.submit(second));
    std::list<Request> requests;
    for (int i = 0; i < 100; ++i) requests.emplace_back(fixture, provider, "ann", "sesame");
    CHECK(fixture.observer.waits == 100);
    second.opened.set_value();
    for (Request& request : requests) CHECK(request.wait() == Outcome::good);
    CHECK(fixture.observer.waits == 0);
}

TEST_CASE("who leaves ends in the same turn, and takes nobody along", "[threads]") {
    Fixture fixture;
    auto provider = provider_of({{"ann", hash}});
    Gate gate;
    REQUIRE(fixture.threads.submit(gate));
    auto first = std::make_unique<Request>(fixture, provider, "ann", "sesame");
    Request second(fixture, provider, "ann", "sesame");
    auto third = std::make_unique<Request>(fixture, provider, "ann", "open");
    provider.reset();  // the checks alone hold it
    first->guard.abandon();
    third->guard.abandon();
    fixture.ring->run_ready();
    CHECK(first->outcome == Outcome::abandoned);
    CHECK(third->outcome == Outcome::abandoned);
    first.reset();
    third.reset();
    CHECK_FALSE(second.outcome);
    CHECK_FALSE(fixture.checks->is_idle());
    // What nobody waits for is not remembered: it has not been made.
    Request fourth(fixture, second.provider, "ann", "open");
    gate.opened.set_value();
    CHECK(second.wait() == Outcome::good);
    CHECK(fourth.wait() == Outcome::bad);
}

TEST_CASE("without auth threads no password gets in", "[threads]") {
    Fixture fixture(false);
    CHECK(Request(fixture, provider_of({{"ann", hash}}), "ann", "sesame").outcome ==
          Outcome::overloaded);
}
