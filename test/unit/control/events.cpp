// What the control thread tells of: routes as they change, backends as workers report them.
#include <string>
#include <vector>

#include "control/event_bus.hpp"
#include "fixture.hpp"

using namespace penstock;
using namespace penstock::control;

namespace {

RouteConfig route(const std::string& v_host, const std::string& id) {
    RouteConfig config;
    config.v_host = v_host;
    config.id = id;
    return config;
}

struct Fixture : ApiFixture {
    Fixture() {
        subscriptions = events.subscribe_all([this](const auto& event) {
            if constexpr (requires { event.domain; })
                heard.push_back(std::string(event.name) + " " + event.domain);
            else
                heard.push_back(std::string(event.name) + " " + event.v_host + " " + event.id);
            sequences.push_back(event.sequence);
            told.push_back(event);
        });
    }
    /// What has been heard since the last time.
    std::vector<std::string> news() { return std::exchange(heard, {}); }

    std::vector<std::string> heard;
    std::vector<std::uint64_t> sequences;
    std::vector<Event> told;
    std::vector<Subscription> subscriptions;
};

using News = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "a route is told of when it comes, changes and goes", "[control]") {
    RouteConfig config = route("a.example", "a");
    REQUIRE(configuration.put(config));
    CHECK(news() == News{"route.created a.example a"});
    REQUIRE(configuration.put(config));
    CHECK(news().empty());  // it is what it was
    config.retries = 1;
    REQUIRE(configuration.put(config));
    CHECK(news() == News{"route.changed a.example a"});
    REQUIRE(configuration.remove("a.example"));
    CHECK(news() == News{"route.deleted a.example a"});
    CHECK(sequences == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(events.last_sequence() == 3);
    CHECK(mark_of(told[0]).time <= mark_of(told[2]).time);
    CHECK(std::chrono::system_clock::now() - mark_of(told[0]).time < std::chrono::minutes(1));
}

TEST_CASE_METHOD(Fixture, "what is told is in force already", "[control]") {
    std::string serving;
    const Subscription subscription =
        events.subscribe<RouteCreated>([&](const RouteCreated& event) {
            serving = served(event.v_host) + " " + configuration.find(event.v_host)->id;
        });
    REQUIRE(configuration.put(route("a.example", "a")));
    CHECK(serving == "a.example a");
}

TEST_CASE_METHOD(Fixture, "of a whole configuration only the differences are told", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a")));
    REQUIRE(configuration.put(route("b.example", "b")));
    REQUIRE(configuration.put(route("c.example", "c")));
    news();
    REQUIRE(configuration.replace_all(
        {route("d.example", "d"), route("c.example", "a"), route("b.example", "b")}));
    CHECK(news() == News{"route.deleted a.example a", "route.changed c.example a",
                         "route.created d.example d"});
}

TEST_CASE_METHOD(Fixture, "what does not happen is not told", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a")));
    news();
    const auto check = Configuration::Mode::check;
    REQUIRE(configuration.put(route("b.example", "b"), check));
    REQUIRE(configuration.remove("a.example", check));
    REQUIRE(configuration.replace_all({}, check));
    store.failure = "disk full";
    REQUIRE_FALSE(configuration.put(route("b.example", "b")));
    REQUIRE_FALSE(configuration.remove("a.example"));
    REQUIRE_FALSE(configuration.replace_all({}));
    CHECK(news().empty());
    CHECK(events.last_sequence() == 1);
}

TEST_CASE_METHOD(Fixture, "what the store holds at the start is no news", "[control]") {
    store.hold(row_of(route("a.example", "a")));
    REQUIRE(configuration.load());
    CHECK(news().empty());
}

TEST_CASE_METHOD(Fixture, "maintenance is told of where the backend was alive, and its end always",
                 "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    news();
    const Backend backend = configuration.find("a.example")->backends.at(0);
    store.failure = "disk full";
    REQUIRE_FALSE(configuration.set_maintenance("a.example", backend, true));
    CHECK(news().empty());
    store.failure.clear();
    REQUIRE(configuration.set_maintenance("a.example", backend, true));
    REQUIRE(configuration.set_maintenance("a.example", backend, true));  // it is already
    CHECK(news() == News{"backend.dead a.example b1"});
    CHECK(std::get<BackendDead>(told.back()).reason == "maintenance");
    REQUIRE(configuration.set_maintenance("a.example", backend, false));
    CHECK(news() == News{"backend.alive a.example b1"});

    auto& health = publisher.find("a.example")->upstreams.at(0).live->health;
    REQUIRE(health.record_failure({}, TimePoint{} + std::chrono::hours(1)));
    REQUIRE(configuration.set_maintenance("a.example", backend, true));
    CHECK(news().empty());  // it was dead
    REQUIRE(configuration.set_maintenance("a.example", backend, false));
    CHECK(news() == News{"backend.alive a.example b1"});
    REQUIRE(health.record_failure({}, TimePoint{} + std::chrono::hours(2)));
    REQUIRE(configuration.set_maintenance("a.example", backend, false));  // an administrator's word
    CHECK(news() == News{"backend.alive a.example b1"});
}

TEST_CASE_METHOD(Fixture, "what a worker reports of a backend becomes an event", "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    news();
    const snapshot::Route& published = *publisher.find("a.example");
    const snapshot::Upstream& upstream = published.upstreams.at(0);
    using Kind = snapshot::LiveChange::Kind;
    const auto report = [&](Kind kind, int error = 0) {
        publish_live_change(events, {kind, name_of(*upstream.live), error}, published, upstream);
    };
    report(Kind::died, ECONNREFUSED);
    report(Kind::died);
    publish_alive(events, published, upstream);
    report(Kind::circuit_opened);
    report(Kind::circuit_half_opened);
    report(Kind::circuit_closed);
    CHECK(news() == News{"backend.dead a.example b1", "backend.dead a.example b1",
                         "backend.alive a.example b1", "circuit.opened a.example b1",
                         "circuit.half_opened a.example b1", "circuit.closed a.example b1"});
    const auto& dead = std::get<BackendDead>(told.at(1));
    CHECK(dead.reason == "Connection refused");
    CHECK(dead.authority == "10.0.0.1:80");
    CHECK(dead.address == "10.0.0.1:80");
    CHECK(std::get<BackendDead>(told.at(2)).reason == "closed before it answered");
    CHECK(name_of(told.at(3)) == "backend.alive");
}
