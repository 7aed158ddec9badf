// Writes that share a commit and a publication: WriteBatch, Api::handle_together() and the group
// behind them.
#include "control/write_batch.hpp"

#include <deque>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "fixture.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view routes = "/api/v1/routes";

std::string route_text(std::string_view v_host, std::string_view more = "") {
    return fmt::format(
        R"({{"vHost":"{}","backends":[{{"id":"b1","hostname":"10.0.0.1","port":80}}]{}}})", v_host,
        more);
}

struct Group : ApiFixture {
    Group() {
        api.on_audit([this](const AuditRecord& record) {
            audited.push_back({record.revision_before, record.revision_after,
                               static_cast<std::uint64_t>(http::code(record.status))});
        });
        subscriptions.push_back(
            events.subscribe<RouteCreated>([this](const RouteCreated& event) { told(event); }));
        subscriptions.push_back(
            events.subscribe<RouteChanged>([this](const RouteChanged& event) { told(event); }));
        subscriptions.push_back(
            events.subscribe<RouteDeleted>([this](const RouteDeleted& event) { told(event); }));
    }

    template <class E>
    void told(const E& event) {
        telling.push_back(fmt::format("{} {}", E::name, event.v_host));
    }

    std::vector<unsigned> together(const std::vector<std::array<std::string, 3>>& writes) {
        std::vector<ApiRequest> requests;
        for (const auto& [method, target, body] : writes)
            requests.push_back(request_of(method, target, body));
        std::vector<const ApiRequest*> pointers;
        for (const ApiRequest& request : requests) pointers.push_back(&request);
        responses = api.handle_together(pointers);
        std::vector<unsigned> statuses;
        for (const ApiResponse& response : responses) statuses.push_back(status(response));
        return statuses;
    }

    std::string everything() { return ask("GET", "/api/v1/config").body; }

    std::vector<ApiResponse> responses;
    std::vector<std::array<std::uint64_t, 3>> audited;
    std::vector<std::string> telling;
    std::vector<Subscription> subscriptions;
};

using Writes = std::vector<std::array<std::string, 3>>;

}  // namespace

TEST_CASE_METHOD(Group, "writes that come together share a commit and a publication", "[group]") {
    const std::uint64_t epoch = publisher.epoch();
    const Writes writes{{"POST", std::string(routes), route_text("a.example")},
                        {"PUT", "/api/v1/routes/b.example", route_text("b.example")},
                        {"PATCH", "/api/v1/routes/a.example", R"({"retries":7})"},
                        {"POST", std::string(routes), route_text("a.example")},
                        {"DELETE", "/api/v1/routes/b.example", ""}};
    CHECK(together(writes) == std::vector<unsigned>{201, 201, 200, 409, 204});
    CHECK(store.groups == 1);
    CHECK(publisher.epoch() == epoch + 1);
    for (const std::size_t i : {0, 1, 2, 4}) CHECK(responses[i].wait_for_epoch == epoch + 1);
    CHECK(served("a.example") == "a.example");
    CHECK(served("b.example") == "none");
    CHECK(configuration.find("a.example")->retries == 7);
    CHECK(telling == std::vector<std::string>{"route.created a.example", "route.created b.example",
                                              "route.changed a.example",
                                              "route.deleted b.example"});
    // Each is a revision of its own.
    CHECK(audited == std::vector<std::array<std::uint64_t, 3>>{
                         {0, 1, 201}, {1, 2, 201}, {2, 3, 200}, {3, 3, 409}, {3, 4, 204}});
    CHECK(configuration.revisions()->size() == 4);
}

TEST_CASE_METHOD(Group, "no worker sees anything of a group before it is stored", "[group]") {
    REQUIRE(configuration.begin_group());
    CHECK(status(ask("POST", routes, route_text("a.example"))) == 201);
    CHECK(served("a.example") == "none");
    CHECK(telling.empty());
    CHECK(status(ask("GET", "/api/v1/routes/a.example")) == 200);
    REQUIRE(configuration.end_group());
    CHECK(served("a.example") == "a.example");
    CHECK(telling.size() == 1);
}

TEST_CASE_METHOD(Group, "a group that cannot be stored leaves everything as it was", "[group]") {
    REQUIRE(status(ask("POST", routes,
                       route_text("a.example", R"(,"id":"a","aliases":["moves.example"])"))) ==
            201);
    REQUIRE(status(ask("POST", routes, route_text("b.example", R"(,"id":"b")"))) == 201);
    REQUIRE(status(ask("POST", "/api/v1/routes/b.example/backends/b1/dead")) == 200);
    REQUIRE(status(ask(
                "POST", "/api/v1/auth-providers",
                R"({"id":"p","type":"bearer","tokens":[{"name":"a","token":"open-sesame"}]})")) ==
            201);
    const std::string before = everything();
    const std::uint64_t revision = configuration.last_revision();
    const std::uint64_t epoch = publisher.epoch();
    telling.clear();

    REQUIRE(configuration.begin_group());
    CHECK(status(ask("PATCH", "/api/v1/routes/a.example", R"({"aliases":[],"id":"x"})")) == 200);
    CHECK(status(ask("PATCH", "/api/v1/routes/b.example",
                     R"({"aliases":["moves.example"],"authProvider":"p"})")) == 200);
    CHECK(status(ask("DELETE", "/api/v1/routes/b.example/backends/b1")) == 204);
    CHECK(status(ask("POST", routes, route_text("c.example", R"(,"id":"a")"))) == 201);
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example")) == 204);
    CHECK(status(ask(
              "PUT", "/api/v1/auth-providers/p",
              R"({"id":"p","type":"bearer","tokens":[{"name":"b","token":"other-sesame"}]})")) ==
          200);
    store.failure = "the disk is full";
    CHECK(status(ask("POST", routes, route_text("d.example"))) == 507);
    store.failure.clear();
    CHECK_FALSE(configuration.end_group());

    CHECK(everything() == before);
    CHECK(configuration.last_revision() == revision);
    CHECK(configuration.revisions()->back().number == revision);
    CHECK(publisher.epoch() == epoch);
    CHECK(telling.empty());
    CHECK(configuration.in_maintenance("b.example",
                                       configuration.find("b.example")->backends.front()));
    // Hosts and ids are free, or taken, as before.
    CHECK(status(ask("POST", routes, route_text("moves.example"))) == 409);
    CHECK(status(ask("POST", routes, route_text("e.example", R"(,"id":"a")"))) == 409);
    CHECK(status(ask("POST", routes, route_text("e.example", R"(,"id":"x")"))) == 201);
    CHECK(configuration.last_revision() == revision + 1);
}

TEST_CASE_METHOD(Group, "where the group fails each write is tried alone", "[group]") {
    store.most_commits = 1;
    const Writes writes{{"POST", std::string(routes), route_text("a.example")},
                        {"POST", std::string(routes), route_text("b.example")},
                        {"POST", std::string(routes), route_text("a.example")}};
    // The first commit of the group has used up the room.
    CHECK(together(writes) == std::vector<unsigned>{507, 507, 507});
    CHECK(audited.size() == 3);
    CHECK(served("a.example") == "none");
    store.most_commits = 2;
    CHECK(together(writes) == std::vector<unsigned>{507, 507, 507});
    store.most_commits = 1'000'000;
    CHECK(together(writes) == std::vector<unsigned>{201, 201, 409});
    CHECK(served("b.example") == "b.example");
}

TEST_CASE_METHOD(Group, "only writes that publish nothing of themselves share a commit",
                 "[group]") {
    const auto shares = [](std::string_view method, std::string_view target) {
        return Api::may_share_commit(request_of(method, target, ""));
    };
    CHECK(shares("POST", "/api/v1/routes?dryRun=true"));
    CHECK(shares("DELETE", "/api/v1/routes/a"));
    CHECK(shares("PATCH", "/api/v1/routes/a/backends/b"));
    CHECK(shares("POST", "/api/v1/certificates"));
    CHECK(shares("PUT", "/api/v1/auth-providers/p"));
    CHECK_FALSE(shares("GET", "/api/v1/routes"));
    CHECK_FALSE(shares("PUT", "/api/v1/config"));
    CHECK_FALSE(shares("POST", "/api/v1/config/rollback"));
    CHECK_FALSE(shares("POST", "/api/v1/routes/a/backends/b/dead"));
    CHECK_FALSE(shares("DELETE", "/api/v1/routes/a/backends/b/dead"));
    CHECK_FALSE(shares("POST", "/api/v1/nothing"));
}

namespace {

io::Task<void> write(WriteBatch& batch, const ApiRequest& request, std::vector<unsigned>& answers) {
    const ApiResponse response = co_await batch.handle(request);
    answers.push_back(http::code(response.status));
}

}  // namespace

TEST_CASE_METHOD(Group, "what comes while others are waited for goes into the same batch",
                 "[group]") {
    auto engine = io::Ring::create(io::Engine::epoll);
    REQUIRE(engine.has_value());
    WriteBatch batch(**engine, api);
    std::deque<std::string> bodies;
    std::deque<ApiRequest> requests;
    std::vector<unsigned> answers;
    const auto write_some = [&](int number) {
        for (int i = 0; i < number; ++i) {
            bodies.push_back(route_text(fmt::format("r{}.example", bodies.size())));
            requests.push_back(request_of("POST", routes, bodies.back()));
            io::spawn(write(batch, requests.back(), answers));
        }
    };
    write_some(8);
    CHECK(answers.empty());
    (*engine)->run_until([&] { return answers.size() == 8; });
    CHECK(store.groups == 1);
    // The last was shared: those that come within its millisecond wait for its end together.
    write_some(1);
    (*engine)->run_ready();
    write_some(3);
    (*engine)->run_until([&] { return answers.size() == 12; });
    CHECK(store.groups == 2);
    CHECK(answers == std::vector<unsigned>(12, 201));
    // A read, and a write that stands alone, are not held up.
    requests.push_back(request_of("GET", routes, ""));
    io::spawn(write(batch, requests.back(), answers));
    CHECK(answers.back() == 200);
    // Somebody who writes alone, after somebody who did, is answered in the same turn.
    write_some(1);
    (*engine)->run_until([&] { return answers.size() == 14; });
    write_some(1);
    (*engine)->run_ready();
    CHECK(answers.size() == 15);
}

}  // namespace penstock::control
