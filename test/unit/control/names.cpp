#include "control/names.hpp"

#include <catch2/generators/catch_generators.hpp>

#include "fixture.hpp"
#include "io/ring.hpp"

using namespace penstock;
using namespace penstock::control;
using std::chrono::seconds;

namespace {

using Texts = std::vector<std::string>;

net::NameAnswer found(const Texts& v4, seconds ttl, const Texts& v6 = {}) {
    net::NameAnswer answer;
    for (const std::string& text : v4) answer.v4.addresses.push_back(*net::Address::parse(text, 0));
    for (const std::string& text : v6) answer.v6.addresses.push_back(*net::Address::parse(text, 0));
    answer.ttl = ttl;
    return answer;
}

net::NameAnswer failed() {
    net::NameAnswer answer;
    answer.v4.failed = answer.v6.failed = true;
    answer.reason = "no server answered";
    return answer;
}

/// A name table whose time and answers are the test's.
struct Table {
    Table() {
        names.on_change([this](const std::set<std::string>& v_hosts) {
            changed.insert(changed.end(), v_hosts.begin(), v_hosts.end());
            return has_room;
        });
    }

    void pass(Duration time) {
        now += time;
        timers.advance(now);
    }
    void answer(const std::string& name, const net::NameAnswer& with) {
        names.take(name, with, now);
    }
    Texts addresses(const std::string& name) const {
        Texts texts;
        for (const net::Address& address : names.addresses(name, 80))
            texts.push_back(address.endpoint());
        return texts;
    }
    /// How long after an answer the name is looked up again, in whole seconds; at most a thousand.
    long asked_again_after() {
        const std::size_t before = asked.size();
        for (long after = 1; after <= 1'000; ++after) {
            pass(seconds(1));
            if (asked.size() > before) return after;
        }
        return -1;
    }

    TimePoint now{seconds(100)};
    io::TimerWheel timers{now};
    Texts asked;
    Texts changed;
    bool has_room = true;
    Names names{timers, [this](const std::string& name) { asked.push_back(name); }};
};

/// The same of an API.
struct Fixture : ApiFixture {
    void answer(const std::string& name, const net::NameAnswer& with) {
        names.take(name, with, TimePoint{});
    }
    std::size_t targets(std::string_view host) const {
        return publisher.current().match(host)->upstreams.size();
    }
};

constexpr std::string_view named_route =
    R"({"vHost":"a.example","id":"a","backends":[{"id":"b","hostname":"one.test","port":80}]})";

}  // namespace

TEST_CASE("a name is looked up when it is first used, and again as its TTL says", "[control]") {
    const auto [ttl, again] = GENERATE(table<long, long>(
        {{0, 1}, {1, 1}, {7, 7}, {299, 299}, {300, 300}, {301, 300}, {86'400, 300}}));
    Table table;
    table.names.use("a", {"one.test"});
    table.names.use("b", {"one.test"});
    CHECK(table.asked == Texts{"one.test"});
    CHECK_FALSE(table.names.knows("one.test"));
    table.answer("one.test", found({"10.0.0.1"}, seconds(ttl)));
    CHECK(table.names.knows("one.test"));
    CHECK(table.changed == Texts{"a", "b"});
    CHECK(table.asked_again_after() == again);
}

TEST_CASE("a set of addresses is the same in any order, and IPv4 comes first", "[control]") {
    Table table;
    table.names.use("a", {"one.test"});
    table.answer("one.test", found({"10.0.0.2", "10.0.0.1", "10.0.0.2"}, seconds(1), {"::1"}));
    const Texts sorted{"10.0.0.1:80", "10.0.0.2:80", "[::1]:80"};
    CHECK(table.addresses("one.test") == sorted);
    table.changed.clear();
    table.answer("one.test", found({"10.0.0.1", "10.0.0.2"}, seconds(1), {"::1"}));
    CHECK(table.changed.empty());
    table.answer("one.test", found({"10.0.0.1"}, seconds(1)));
    CHECK(table.changed == Texts{"a"});
    CHECK(table.addresses("one.test") == Texts{"10.0.0.1:80"});
}

TEST_CASE("failed lookups keep the last good answer and are tried again ever less often",
          "[control]") {
    Table table;
    table.names.use("a", {"one.test"});
    table.answer("one.test", found({"10.0.0.1"}, seconds(5)));
    table.changed.clear();
    for (const long again : {1, 2, 4, 8, 16, 30, 30}) {
        table.answer("one.test", failed());
        CHECK(table.asked_again_after() == again);
    }
    table.answer("one.test", found({}, seconds(60)));  // an answer without an address is none
    CHECK(table.asked_again_after() == 30);
    CHECK(table.changed.empty());
    CHECK(table.addresses("one.test") == Texts{"10.0.0.1:80"});
    table.answer("one.test", found({"10.0.0.1"}, seconds(5)));
    CHECK(table.changed.empty());
    table.answer("one.test", failed());
    CHECK(table.asked_again_after() == 1);
}

TEST_CASE("a name that has never been resolved has no address and is known all the same",
          "[control]") {
    Table table;
    table.names.use("a", {"one.test"});
    table.answer("one.test", failed());
    CHECK(table.names.knows("one.test"));
    CHECK(table.addresses("one.test").empty());
    CHECK(table.changed.empty());
    table.answer("one.test", found({"10.0.0.1"}, seconds(5)));
    CHECK(table.changed == Texts{"a"});
}

TEST_CASE("the family whose question failed keeps what it had", "[control]") {
    Table table;
    table.names.use("a", {"one.test"});
    table.answer("one.test", found({"10.0.0.1"}, seconds(5), {"::1"}));
    net::NameAnswer half = found({}, seconds(5), {"::2"});
    half.v4.failed = true;
    table.answer("one.test", half);
    CHECK(table.addresses("one.test") == Texts{"10.0.0.1:80", "[::2]:80"});
    half.v4.failed = false;
    table.answer("one.test", half);
    CHECK(table.addresses("one.test") == Texts{"[::2]:80"});
}

TEST_CASE("a change that could not be published is offered again", "[control]") {
    Table table;
    table.names.use("a", {"one.test"});
    table.has_room = false;
    table.answer("one.test", found({"10.0.0.1"}, seconds(1)));
    table.has_room = true;
    table.answer("one.test", failed());
    CHECK(table.changed == Texts{"a", "a"});
    table.answer("one.test", found({"10.0.0.1"}, seconds(1)));
    CHECK(table.changed == Texts{"a", "a"});
}

TEST_CASE("a name goes with its last user, and what is answered then counts for nothing",
          "[control]") {
    Table table;
    table.names.use("a", {"one.test", "two.test"});
    table.names.use("b", {"two.test"});
    table.answer("two.test", found({"10.0.0.2"}, seconds(1)));
    table.names.use("a", {"three.test", "two.test"});
    CHECK(table.names.size() == 2);
    table.answer("one.test", found({"10.0.0.1"}, seconds(1)));
    CHECK(table.names.size() == 2);
    table.names.use("a", {});
    CHECK(table.addresses("two.test") == Texts{"10.0.0.2:80"});
    table.names.use("b", {});
    CHECK(table.names.size() == 0);
    table.asked.clear();
    table.pass(seconds(600));
    CHECK(table.asked.empty());
}

TEST_CASE("whoever waits is told when all names are known, or after five seconds", "[control]") {
    const bool answers = GENERATE(true, false);
    auto ring = std::move(io::Ring::create(io::Engine::epoll)).value();
    const TimePoint start = ring->now();
    Names names(ring->timers(), [](const std::string&) {});
    names.use("a", {"known.test"});
    names.take("known.test", failed(), start);
    {
        NamesWanted wanted(*ring, names, {"known.test", "one.test", "two.test"});
        CHECK(names.unknown().size() == 2);
        bool done = false;
        const auto wait = [](NamesWanted& for_them, bool& over) -> io::Task<void> {
            co_await for_them.until_known();
            over = true;
        };
        io::spawn(wait(wanted, done));
        names.take("two.test", found({"10.0.0.2"}, seconds(1)), start);
        ring->run_ready();
        CHECK_FALSE(done);
        if (answers) {
            names.take("one.test", failed(), start);
        } else {
            ring->timers().advance(start + NamesWanted::patience - std::chrono::milliseconds(2));
            ring->run_ready();
            CHECK_FALSE(done);
            ring->timers().advance(start + NamesWanted::patience + std::chrono::milliseconds(2));
        }
        ring->run_ready();
        CHECK(done);
        CHECK(names.unknown().empty());
    }
    CHECK(names.size() == 1);  // nobody uses the two
}

TEST_CASE("at the end of the process nobody waits", "[control]") {
    auto ring = std::move(io::Ring::create(io::Engine::epoll)).value();
    Names names(ring->timers(), [](const std::string&) {});
    int done = 0;
    const auto wait = [](NamesWanted& for_them, int& over) -> io::Task<void> {
        co_await for_them.until_known();
        ++over;
    };
    NamesWanted before(*ring, names, {"one.test"});
    io::spawn(wait(before, done));
    names.release();
    ring->run_ready();
    NamesWanted after(*ring, names, {"two.test"});
    io::spawn(wait(after, done));
    CHECK(done == 2);
    CHECK(names.knows("one.test"));
    CHECK(names.knows("two.test"));
}

// --- in the configuration ---

TEST_CASE_METHOD(Fixture, "a route waits for its names, and is as it was meanwhile", "[control]") {
    const ApiResponse later = ask("POST", "/api/v1/routes", named_route);
    CHECK(later.unknown_names == Texts{"one.test"});
    CHECK(store.commits == 0);
    CHECK(served("a.example") == "none");
    names.use("another", {"one.test"});
    answer("one.test", found({"10.0.0.1", "10.0.0.2"}, seconds(1)));
    CHECK(status(ask("POST", "/api/v1/routes", named_route)) == 201);
    REQUIRE(targets("a.example") == 2);
    const auto& upstream = publisher.current().match("a.example")->upstreams[1];
    CHECK(upstream.address.endpoint() == "10.0.0.2:80");
    CHECK(upstream.authority == "one.test:80");
}

TEST_CASE_METHOD(Fixture, "what is wrong with a route is said before its names are looked up",
                 "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(status(ask("POST", "/api/v1/routes", named_route)) == 409);
    CHECK(status(ask("PUT", "/api/v1/routes/b.example",
                     R"({"id":"a","backends":[{"hostname":"one.test","port":80}]})")) == 409);
    const std::string path = "/api/v1/routes/a.example/backends";
    CHECK(status(ask("POST", path + "?dryRun=true", R"({"hostname":"one.test","port":80})")) ==
          201);
    CHECK(looked_up.empty());
    CHECK(names.size() == 0);
}

TEST_CASE_METHOD(Fixture, "a changed answer reaches every route that uses the name, and only those",
                 "[control]") {
    names.use("another", {"one.test", "two.test"});
    answer("one.test", found({"10.0.0.1"}, seconds(1)));
    answer("two.test", failed());
    REQUIRE(status(ask("POST", "/api/v1/routes", named_route)) == 201);
    REQUIRE(status(ask("PUT", "/api/v1/routes/b.example",
                       R"({"backends":[{"hostname":"one.test","port":1},)"
                       R"({"hostname":"two.test","port":1}]})")) == 201);
    REQUIRE(status(ask("PUT", "/api/v1/routes/c.example",
                       R"({"backends":[{"hostname":"10.0.0.1","port":1}]})")) == 201);
    CHECK(targets("b.example") == 1);
    const std::uint64_t epoch = publisher.epoch();
    const auto* other = publisher.current().match("c.example");
    answer("one.test", found({"10.0.0.1", "10.0.0.3"}, seconds(1)));
    CHECK(publisher.epoch() == epoch + 1);
    CHECK(targets("a.example") == 2);
    CHECK(targets("b.example") == 2);
    CHECK(publisher.current().match("c.example") == other);
    CHECK(store.commits == 3);
}

TEST_CASE_METHOD(Fixture, "deleting routes and replacing all of them lets go of their names",
                 "[control]") {
    const auto config = [](const char* v_host, const char* name) {
        RouteConfig route;
        route.v_host = route.id = v_host;
        route.backends.push_back({.id = "b", .hostname = name, .port = 80});
        return route;
    };
    const auto at_once = Configuration::Mode::apply_at_once;
    REQUIRE(configuration.replace_all({config("a", "one.test"), config("b", "two.test")}, at_once));
    CHECK(names.size() == 2);
    answer("one.test", found({"10.0.0.1"}, seconds(1)));
    answer("two.test", found({"10.0.0.2"}, seconds(1)));
    looked_up.clear();
    // The name moves to another route and keeps its address.
    REQUIRE(configuration.replace_all({config("c", "one.test")}));
    CHECK(names.size() == 1);
    CHECK(targets("c") == 1);
    CHECK(looked_up.empty());
    CHECK(configuration.replace_all({config("c", "three.test")}).error().unknown_names ==
          Texts{"three.test"});
    REQUIRE(configuration.remove("c"));
    CHECK(names.size() == 0);
}

TEST_CASE_METHOD(
    Fixture,
    "a group that fails has its names' addresses back; one that does not tells of no dead backend",
    "[control][group]") {
    names.use("others", {"one.test", "two.test"});
    answer("one.test", found({"10.0.0.1"}, seconds(60)));
    answer("two.test", found({"10.0.0.2"}, seconds(60)));
    REQUIRE(status(ask("POST", "/api/v1/routes", named_route)) == 201);
    names.use("others", {"two.test"});

    REQUIRE(configuration.begin_group());
    CHECK(status(ask("PATCH", "/api/v1/routes/a.example/backends/b",
                     R"({"hostname":"two.test"})")) == 200);
    store.failure = "the disk is full";
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example")) == 507);
    store.failure.clear();
    CHECK_FALSE(configuration.end_group());
    CHECK(names.addresses("one.test", 80).size() == 1);
    CHECK(configuration.refresh("a.example") != 0);
    CHECK(targets("a.example") == 1);

    REQUIRE(configuration.begin_group());
    const auto made =
        ask("POST", "/api/v1/routes",
            R"({"vHost":"b.example","backends":[{"hostname":"two.test","port":80}]})");
    CHECK(text_at(made, "/backends/0/state") == "alive");
    CHECK(status(ask("DELETE", "/api/v1/routes/a.example")) == 204);
    REQUIRE(configuration.end_group());
    CHECK_FALSE(names.knows("one.test"));
}
