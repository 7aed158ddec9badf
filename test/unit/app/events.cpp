// What an embedding program hears of a running proxy.
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <penstock/penstock.hpp>

#include "app/control_thread.hpp"

using namespace penstock;

namespace {

RouteConfig route(const std::string& v_host) {
    RouteConfig config;
    config.v_host = v_host;
    config.backends.push_back({.id = "b", .hostname = "127.0.0.1", .port = 9});
    return config;
}

ProxyOptions small_proxy() {
    return {.port = 0, .address = "127.0.0.1", .workers = 1};
}

/// Events as they come, from the control thread to the test's.
class Heard {
  public:
    void add(const Event& event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(event);
        came_.notify_all();
    }
    /// Waits for that many, then gives all there are.
    std::vector<Event> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        REQUIRE(came_.wait_for(lock, std::chrono::seconds(20),
                               [&] { return events_.size() >= count; }));
        return events_;
    }
    std::vector<std::string> names() {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> names;
        for (const Event& event : events_) names.emplace_back(name_of(event));
        return names;
    }

  private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Event> events_;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("callbacks given before the start and later hear every change", "[threads]") {
    Heard early;
    Heard late;
    std::atomic<bool> on_one_thread{true};
    std::thread::id thread;
    {
        ProxyManager proxy(small_proxy());
        proxy.on_event([&](const Event& event) {
            if (thread == std::thread::id()) thread = std::this_thread::get_id();
            if (thread != std::this_thread::get_id()) on_one_thread = false;
            early.add(event);
        });
        REQUIRE(proxy.start());
        REQUIRE(proxy.router().add_route(route("a.example")));
        proxy.on_event([&](const Event& event) { late.add(event); });
        RouteConfig changed = route("a.example");
        changed.retries = 0;
        REQUIRE(proxy.router().set_route(changed));
        REQUIRE(proxy.router().remove_route("a.example"));
        // A change is told before the call that made it returns.
        CHECK(early.names() == Names{"route.created", "route.changed", "route.deleted"});
        CHECK(late.names() == Names{"route.changed", "route.deleted"});
        proxy.stop();
    }
    CHECK(on_one_thread);
    CHECK(thread != std::this_thread::get_id());
    const auto events = early.wait_for(3);
    CHECK(std::get<RouteCreated>(events[0]).v_host == "a.example");
    CHECK(mark_of(events[0]).sequence + 2 == mark_of(events[2]).sequence);
}

TEST_CASE("a callback keeps one state for all kinds of events", "[threads]") {
    ProxyManager proxy(small_proxy());
    std::vector<int> counts;
    proxy.on_event([&counts, count = 0](const Event&) mutable { counts.push_back(++count); });
    REQUIRE(proxy.start());
    REQUIRE(proxy.router().add_route(route("a.example")));
    REQUIRE(proxy.router().remove_route("a.example"));
    proxy.stop();
    CHECK(counts == std::vector<int>{1, 2});
}

TEST_CASE("a callback that throws disturbs neither the change nor the others", "[threads]") {
    ProxyManager proxy(small_proxy());
    Heard heard;
    proxy.on_event([](const Event&) { throw std::runtime_error("not today"); });
    proxy.on_event([](const Event&) { throw 7; });
    proxy.on_event([&](const Event& event) { heard.add(event); });
    REQUIRE(proxy.start());
    CHECK(proxy.router().add_route(route("a.example")));
    CHECK(heard.names() == Names{"route.created"});
    proxy.stop();
}

TEST_CASE("a callback may read routes and add callbacks, but not wait for its own thread",
          "[threads]") {
    ProxyManager proxy(small_proxy());
    Heard nested;
    std::vector<std::string> routes;
    std::string refused;
    proxy.on_event([&](const Event& event) {
        if (name_of(event) != "route.created" || !refused.empty()) return;
        for (const RouteConfig& one : proxy.router().routes()) routes.push_back(one.v_host);
        const auto added = proxy.router().add_route(route("b.example"));
        refused = added ? "not refused" : added.error().message;
        proxy.on_event([&](const Event& later) { nested.add(later); });
    });
    REQUIRE(proxy.start());
    REQUIRE(proxy.router().add_route(route("a.example")));
    CHECK(routes == std::vector<std::string>{"a.example"});
    CHECK(refused == "routes cannot be changed from within an event's callback");
    REQUIRE(proxy.router().add_route(route("c.example")));
    CHECK(nested.names() == Names{"route.created"});
    proxy.stop();
}

TEST_CASE("what a worker reports of a backend is told on the control thread", "[threads]") {
    snapshot::Publisher publisher;
    app::ControlThread control(publisher);
    Heard heard;
    control.on_event([&](const Event& event) { heard.add(event); });
    REQUIRE(control.start({}));
    REQUIRE(control.call([&](control::Configuration& configuration) {
        return configuration.put(route("a.example"));
    }));
    snapshot::BackendName name;
    REQUIRE(control.call([&](control::Configuration& configuration) {
        name = name_of(*configuration.published("a.example")->upstreams.at(0).live);
        return control::Configuration::Outcome(std::uint64_t{0});
    }));
    const auto tell = control.listener();
    tell({snapshot::LiveChange::Kind::circuit_opened, name, 0});
    tell({snapshot::LiveChange::Kind::died, {name.id, name.generation + 1}, 0});  // it has gone
    tell({snapshot::LiveChange::Kind::died, name, ECONNRESET});
    heard.wait_for(3);
    control.stop();
    CHECK(heard.names() == Names{"route.created", "circuit.opened", "backend.dead"});
    const auto dead = std::get<BackendDead>(heard.wait_for(3)[2]);
    CHECK(dead.v_host == "a.example");
    CHECK(dead.id == "b");
    CHECK(dead.authority == "127.0.0.1:9");
    CHECK(dead.reason == "Connection reset by peer");
}
