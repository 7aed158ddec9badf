// What answers show of backends at run time, maintenance through .../dead, and entity tags.
#include "control/backend_status.hpp"

#include <cerrno>

#include "fixture.hpp"

using namespace penstock;
using namespace penstock::control;
using snapshot::HealthState;

namespace {

const std::string route_path = "/api/v1/routes/a.example";
const std::string b1 = route_path + "/backends/b1";
const std::string dead = b1 + "/dead";

struct Fixture : ApiFixture {
    Fixture() { REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201); }

    snapshot::BackendHealth& health(std::size_t index = 0) const {
        return publisher.current().match("a.example")->upstreams[index].live->health;
    }
    void kill() { REQUIRE(health().record_failure({}, Clock::now())); }
    bool shows(std::string_view target, std::string_view text) {
        return ask("GET", target).body.find(text) != std::string::npos;
    }
    std::vector<std::uint16_t> sequence() const {
        return publisher.current().match("a.example")->sequence;
    }
    static auto if_match(std::string tag) {
        return [tag](ApiRequest& request) { request.if_match = tag; };
    }
    static auto if_none_match(std::string tag) {
        return [tag](ApiRequest& request) { request.if_none_match = tag; };
    }
};

constexpr std::string_view alive =
    R"("isDead":false,"deadSince":null,"failureCount":0,"state":"alive")";

}  // namespace

TEST_CASE_METHOD(Fixture, "every answer that shows a backend shows its state", "[control]") {
    for (const std::string& target : {std::string("/api/v1/routes"), route_path, b1})
        CHECK(shows(target, alive));
    kill();
    for (const std::string& target : {std::string("/api/v1/routes"), route_path, b1}) {
        CHECK(shows(target, R"("isDead":true,"deadSince":"20)"));
        CHECK(shows(target, R"(Z","failureCount":1,"state":"dead")"));
    }
    // Writes too, and what GET gave can be put back.
    const ApiResponse put = ask("PUT", route_path, ask("GET", route_path).body);
    CHECK(status(put) == 200);
    CHECK(text_at(put, "/backends/0/state") == "dead");
    CHECK(text_at(ask("PATCH", route_path, R"({"retries":1})"), "/backends/0/state") == "dead");
    CHECK(text_at(ask("PATCH", b1, R"({"weight":2})"), "/state") == "dead");
    CHECK(text_at(ask("PATCH", b1, R"({"state":"alive","isDead":false})"), "/state") == "dead");
    CHECK(text_at(ask("PATCH", b1, R"({"port":81})"), "/state") == "alive");  // another backend
}

TEST_CASE_METHOD(Fixture, "the time of death is UTC with milliseconds", "[control]") {
    kill();
    const std::uint64_t since = health().view().dead_since_unix_ms;
    CHECK(text_at(ask("GET", b1), "/deadSince") == rfc3339(since));
    CHECK(rfc3339(784'111'777'042) == "1994-11-06T08:49:37.042Z");
}

TEST_CASE_METHOD(Fixture, "maintenance is set, shown, and ended", "[control]") {
    const int commits = store.commits;
    const ApiResponse set = ask("POST", dead);
    CHECK(status(set) == 200);
    CHECK(text_at(set, "/state") == "maintenance");
    CHECK(set.body.find(R"("isDead":true,"deadSince":"20)") != std::string::npos);
    CHECK(set.wait_for_epoch == publisher.epoch());
    CHECK(store.commits == commits + 1);
    CHECK(health().view().state == HealthState::maintenance);
    CHECK(sequence().empty());

    const ApiResponse again = ask("POST", dead);
    CHECK(status(again) == 200);
    CHECK(again.body == set.body);
    CHECK(again.wait_for_epoch == 0);
    CHECK(store.commits == commits + 1);

    CHECK(status(ask("PATCH", route_path, R"({"retries":1})")) == 200);
    CHECK(text_at(ask("GET", b1), "/state") == "maintenance");
    CHECK(shows(b1, text_at(set, "/deadSince")));

    CHECK(status(ask("DELETE", dead)) == 204);
    CHECK(shows(b1, alive));
    CHECK(sequence() == std::vector<std::uint16_t>{0});
    const ApiResponse off = ask("DELETE", dead);
    CHECK(status(off) == 204);
    CHECK(off.wait_for_epoch == 0);
}

TEST_CASE_METHOD(Fixture, "DELETE .../dead also puts back what requests found dead", "[control]") {
    kill();
    configuration.refresh("a.example");
    CHECK(sequence().empty());
    const ApiResponse revived = ask("DELETE", dead);
    CHECK(status(revived) == 204);
    CHECK(revived.wait_for_epoch == publisher.epoch());
    CHECK(shows(b1, alive));
    CHECK(sequence() == std::vector<std::uint16_t>{0});
}

TEST_CASE_METHOD(Fixture, "what is not there is 404, a dry run changes nothing", "[control]") {
    CHECK(status(ask("POST", route_path + "/backends/b9/dead")) == 404);
    CHECK(status(ask("DELETE", route_path + "/backends/b9/dead")) == 404);
    CHECK(status(ask("POST", "/api/v1/routes/b.example/backends/b1/dead")) == 404);
    CHECK(status(ask("GET", dead)) == 405);
    CHECK(field(ask("GET", dead), "Allow") == "POST, DELETE");
    CHECK(status(ask("POST", dead + "?dryRun=true")) == 200);
    CHECK(health().is_alive());
    CHECK(status(ask("POST", dead)) == 200);
    CHECK(status(ask("DELETE", dead + "?dryRun=true")) == 204);
    CHECK(health().view().state == HealthState::maintenance);
}

TEST_CASE_METHOD(Fixture, "a mark belongs to host and port", "[control]") {
    REQUIRE(status(ask("POST", dead)) == 200);
    SECTION("it survives a PUT that keeps them, whatever the id") {
        const ApiResponse put = ask(
            "PUT", route_path, R"({"backends":[{"id":"new","hostname":"10.0.0.1","port":80}]})");
        CHECK(text_at(put, "/backends/0/state") == "maintenance");
    }
    SECTION("it goes with a backend that moves") {
        CHECK(text_at(ask("PATCH", b1, R"({"port":81})"), "/state") == "alive");
        CHECK(text_at(ask("PATCH", b1, R"({"port":80})"), "/state") == "alive");
    }
    SECTION("it goes with a backend that is deleted") {
        CHECK(status(ask("DELETE", b1)) == 204);
        const ApiResponse back =
            ask("POST", route_path + "/backends", R"({"id":"b1","hostname":"10.0.0.1","port":80})");
        CHECK(text_at(back, "/state") == "alive");
        CHECK(health().is_alive());
    }
    SECTION("it goes with its route") {
        CHECK(status(ask("DELETE", route_path)) == 204);
        CHECK(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
        CHECK(shows(b1, alive));
    }
    SECTION("replacing all routes keeps those of backends that stay") {
        RouteConfig same = *configuration.find("a.example");
        REQUIRE(configuration.replace_all({same}));
        CHECK(text_at(ask("GET", b1), "/state") == "maintenance");
        same.backends.front().port = 81;
        REQUIRE(configuration.replace_all({same}));
        same.backends.front().port = 80;
        REQUIRE(configuration.replace_all({same}));
        CHECK(shows(b1, alive));
    }
}

TEST_CASE_METHOD(Fixture, "a mark that cannot be stored is not made", "[control]") {
    store.failure = "disk full";
    CHECK(status(ask("POST", dead)) == 507);
    CHECK(health().is_alive());
    CHECK(shows(b1, alive));
    store.failure.clear();
    REQUIRE(status(ask("POST", dead)) == 200);
    store.failure = "disk full";
    CHECK(status(ask("DELETE", dead)) == 507);
    CHECK(text_at(ask("GET", b1), "/state") == "maintenance");
}

TEST_CASE_METHOD(Fixture, "a death changes what a read sees, not what a write names", "[control]") {
    for (const std::string& target : {route_path, b1}) {
        const std::string before = field(ask("GET", target), "ETag");
        kill();
        const std::string after = field(ask("GET", target), "ETag");
        CHECK(before != after);
        CHECK(status(ask_with("GET", target, "", if_none_match(before))) == 200);
        CHECK(status(ask_with("GET", target, "", if_none_match(after))) == 304);
        for (const std::string& tag : {before, after}) {
            CHECK(status(ask_with("PATCH", target, "{}", if_match(tag))) == 200);
            CHECK(status(ask_with("PATCH", target, "{}", if_match("\"x\", " + tag))) == 200);
        }
        CHECK(status(ask_with("PATCH", target, "{}", if_match("W/" + after))) == 412);
        const std::string member = target == b1 ? R"({"weight":2})" : R"({"retries":1})";
        CHECK(status(ask("PATCH", target, member)) == 200);
        CHECK(status(ask_with("PATCH", target, "{}", if_match(before))) == 412);
        CHECK(status(ask_with("PATCH", target, "{}", if_match(after))) == 412);
        REQUIRE(status(ask("DELETE", dead)) == 204);
    }
    CHECK(status(ask_with("POST", dead, "", if_match("\"x\""))) == 412);
    CHECK(health().is_alive());
}

TEST_CASE("a name is dead where all its addresses are, since the first died", "[control]") {
    TestStore store;
    snapshot::Publisher publisher;
    ControlEvents events;
    io::TimerWheel timers{TimePoint{}};
    Names names{timers, [](const std::string&) {}};
    Configuration configuration(store, publisher, events, names);
    RouteConfig config;
    config.v_host = "a.example";
    config.backends.push_back({.id = "b", .hostname = "names.example", .port = 80});
    snapshot::BackendState resolved;
    resolved.addresses = {*net::Address::parse("10.0.0.1", 80),
                          *net::Address::parse("10.0.0.2", 80)};
    const snapshot::RouteChange change{"a.example", &config, {resolved}};
    publisher.publish(std::span(&change, 1));
    const auto& upstreams = configuration.published("a.example")->upstreams;
    REQUIRE(upstreams.size() == 2);

    const snapshot::HealthLimits limits;
    REQUIRE(upstreams[1].live->health.record_failure(limits, Clock::now()));
    CHECK(statuses_of(configuration, config).front().state == "alive");
    CHECK(statuses_of(configuration, config).front().failure_count == 1);
    CHECK_FALSE(statuses_of(configuration, config).front().dead_since.has_value());
    REQUIRE(upstreams[0].live->health.record_failure(limits, Clock::now()));
    REQUIRE_FALSE(upstreams[0].live->health.record_failure(limits, Clock::now()));
    const auto status = statuses_of(configuration, config).front();
    CHECK(status.state == "dead");
    CHECK(status.is_dead);
    CHECK(status.failure_count == 3);
    CHECK(status.dead_since == rfc3339(upstreams[1].live->health.view().dead_since_unix_ms));
}
