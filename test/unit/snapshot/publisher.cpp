#include "snapshot/publisher.hpp"

#include <catch2/catch_test_macros.hpp>

#include "allocations.hpp"

using namespace penstock;
using namespace penstock::snapshot;

namespace {

RouteConfig config_of(const std::string& v_host, std::vector<std::uint16_t> ports = {80}) {
    RouteConfig config;
    config.id = "id of " + v_host;
    config.v_host = v_host;
    for (const std::uint16_t port : ports) {
        Backend backend;
        backend.id = std::to_string(port);
        backend.hostname = "10.0.0.1";
        backend.port = port;
        config.backends.push_back(backend);
    }
    return config;
}

std::uint64_t put(Publisher& publisher, const RouteConfig& config) {
    const RouteChange change{config.v_host, &config};
    return publisher.publish(std::span(&change, 1));
}

std::uint64_t remove(Publisher& publisher, const std::string& v_host) {
    const RouteChange change{v_host, nullptr};
    return publisher.publish(std::span(&change, 1));
}

/// A publisher with one reader, which is taken off at the end.
struct OneReader {
    ~OneReader() { publisher.remove_reader(reader); }

    Publisher publisher;
    Reader& reader{publisher.add_reader()};
};

}  // namespace

TEST_CASE("a route is compiled as configured", "[snapshot]") {
    Publisher publisher;
    RouteConfig config = config_of("api.example", {80, 81, 82});
    config.aliases = {"*.api.example"};
    config.strategy = BalancingStrategy::random;
    config.timeout = std::chrono::seconds(9);
    config.max_body_bytes = 77;
    config.abort_on_close = true;
    config.pool = {5, std::chrono::seconds(1)};
    config.backends[0].weight = 2;
    config.backends[1].weight = 0;
    config.backends[2].hostname = "localhost";
    put(publisher, config);

    const Route* route = publisher.current().match("api.example");
    REQUIRE(route != nullptr);
    CHECK(publisher.current().match("x.api.example") == route);
    CHECK(route->strategy == BalancingStrategy::random);
    CHECK(route->timeout == std::chrono::seconds(9));
    CHECK_FALSE(route->connect_timeout.has_value());
    CHECK(route->max_body_bytes == 77);
    CHECK(route->abort_on_close);
    CHECK(route->pool_size == 5);
    CHECK(route->pool_idle == std::chrono::seconds(1));
    CHECK(route->upgrades == std::vector<std::string>{"websocket"});
    REQUIRE(route->upstreams.size() == 3);
    CHECK(route->upstreams[0].authority == "10.0.0.1:80");
    CHECK(route->upstreams[0].address.endpoint() == "10.0.0.1:80");
    CHECK(route->upstreams[2].authority == "localhost:82");
    CHECK(route->upstreams[2].address.endpoint() == "127.0.0.1:82");
    CHECK(route->sequence == std::vector<std::uint16_t>{0, 2, 0});
}

TEST_CASE("a reader sees what is published at its next turn, not before", "[snapshot]") {
    OneReader one;
    one.reader.wake();
    const Snapshot* before = one.reader.current();
    const std::uint64_t epoch = put(one.publisher, config_of("a.example"));
    CHECK(one.reader.current() == before);
    CHECK(before->match("a.example") == nullptr);
    CHECK_FALSE(one.publisher.passed(epoch));
    CHECK(one.reader.turn());
    CHECK(one.publisher.passed(epoch));
    CHECK(one.reader.current()->match("a.example") != nullptr);
    CHECK_FALSE(one.reader.turn());
}

TEST_CASE("a sleeping reader holds nothing up and wakes to the newest", "[snapshot]") {
    OneReader one;
    CHECK(one.publisher.passed(put(one.publisher, config_of("a.example"))));  // has never run
    one.reader.wake();
    CHECK(one.reader.sleep());
    CHECK(one.publisher.passed(put(one.publisher, config_of("b.example"))));
    one.reader.wake();
    CHECK(one.reader.current()->match("b.example") != nullptr);
    put(one.publisher, config_of("c.example"));
    CHECK_FALSE(one.reader.sleep());  // something came in between
}

TEST_CASE("a publisher that waits is told, once, when a reader has moved on", "[snapshot]") {
    Publisher publisher;
    int told = 0;
    publisher.on_progress([&told] { ++told; });
    Reader& reader = publisher.add_reader();

    reader.wake();
    std::uint64_t epoch = put(publisher, config_of("a.example"));
    CHECK_FALSE(publisher.await(epoch));
    CHECK(told == 0);
    reader.turn();
    CHECK(told == 1);
    CHECK(publisher.await(epoch));
    put(publisher, config_of("b.example"));
    reader.turn();
    CHECK(told == 1);  // nobody waited

    epoch = put(publisher, config_of("c.example"));
    CHECK_FALSE(publisher.await(epoch));
    CHECK_FALSE(reader.sleep());  // falling asleep moves on too
    CHECK(told == 2);
    CHECK(publisher.await(epoch));
    publisher.remove_reader(reader);
}

TEST_CASE("a route that was replaced lives until its reader has moved on", "[snapshot]") {
    OneReader one;
    put(one.publisher, config_of("a.example"));
    one.reader.wake();
    const Route* old = one.reader.current()->match("a.example");
    put(one.publisher, config_of("a.example", {81}));
    CHECK(one.publisher.reclaim() == 1);
    CHECK(old->upstreams[0].authority == "10.0.0.1:80");
    one.reader.turn();
    CHECK(one.publisher.reclaim() == 0);
    CHECK(one.reader.current()->match("a.example")->upstreams[0].authority == "10.0.0.1:81");
}

TEST_CASE("a route that is held lives until it is released", "[snapshot]") {
    OneReader one;
    put(one.publisher, config_of("a.example"));
    one.reader.wake();
    const Route* old = one.reader.current()->match("a.example");
    one.reader.hold(*old);
    one.reader.hold(*old);
    remove(one.publisher, "a.example");
    one.reader.turn();
    CHECK(one.reader.current()->match("a.example") == nullptr);
    CHECK(one.publisher.reclaim() == 1);
    one.reader.sleep();
    CHECK(one.publisher.reclaim() == 1);
    CHECK(old->v_host == "a.example");
    one.reader.release(*old);
    CHECK(one.publisher.reclaim() == 1);
    one.reader.release(*old);
    CHECK(one.publisher.reclaim() == 0);
    CHECK(one.publisher.live().routes() == 0);
}

TEST_CASE("live state survives a change of its route", "[snapshot]") {
    Publisher publisher;
    put(publisher, config_of("a.example", {80, 81}));
    const Route* before = publisher.current().match("a.example");
    RouteLive* live = before->live;
    const BackendLive* kept = before->upstreams[1].live;
    live->cursor = 5;
    put(publisher, config_of("a.example", {82, 81}));
    const Route* after = publisher.current().match("a.example");
    CHECK(after->live == live);
    CHECK(after->live->cursor == 5);
    CHECK(after->upstreams[1].live == kept);
    CHECK(after->upstreams[0].live != kept);
    CHECK(publisher.live().backends() == 2);
}

TEST_CASE("a route that comes back while its requests are under way finds its state",
          "[snapshot]") {
    OneReader one;
    put(one.publisher, config_of("a.example"));
    one.reader.wake();
    const Route* old = one.reader.current()->match("a.example");
    one.reader.hold(*old);
    remove(one.publisher, "a.example");
    one.reader.turn();
    one.publisher.reclaim();
    put(one.publisher, config_of("a.example"));
    CHECK(one.publisher.current().match("a.example")->live == old->live);
    CHECK(one.publisher.current().match("a.example") != old);
    one.reader.release(*old);
}

TEST_CASE("the same host:port of two routes is two backends", "[snapshot]") {
    Publisher publisher;
    put(publisher, config_of("a.example"));
    put(publisher, config_of("b.example"));
    CHECK(publisher.current().match("a.example")->upstreams[0].live !=
          publisher.current().match("b.example")->upstreams[0].live);
}

TEST_CASE("a backend that is gone is reported, its id used again with another generation",
          "[snapshot]") {
    Publisher publisher;
    std::vector<BackendName> gone;
    publisher.on_backend_gone([&gone](BackendName name) { gone.push_back(name); });
    put(publisher, config_of("a.example", {80, 81}));
    const BackendLive* live = publisher.current().match("a.example")->upstreams[0].live;
    const BackendName name{live->id, live->generation};
    put(publisher, config_of("a.example", {81}));
    REQUIRE(gone.size() == 1);
    CHECK(gone[0] == name);
    put(publisher, config_of("b.example"));
    const BackendLive* next = publisher.current().match("b.example")->upstreams[0].live;
    CHECK(next->id == name.id);
    CHECK(next->generation != name.generation);
}

TEST_CASE("a host moves from one route to another in one publication", "[snapshot]") {
    Publisher publisher;
    RouteConfig a = config_of("a.example");
    a.aliases = {"shared.example"};
    RouteConfig b = config_of("b.example");
    put(publisher, a);
    put(publisher, b);
    a.aliases.clear();
    b.aliases = {"shared.example"};
    const std::vector<RouteChange> changes{{b.v_host, &b}, {a.v_host, &a}};
    publisher.publish(changes);
    CHECK(publisher.current().match("shared.example")->v_host == "b.example");
    const std::vector<RouteChange> swap{{"b.example", nullptr}, {a.v_host, &a}};
    publisher.publish(swap);
    CHECK(publisher.current().match("shared.example") == nullptr);
    CHECK(publisher.routes() == 1);
}

TEST_CASE("a reader that comes late or leaves does not matter", "[snapshot]") {
    Publisher publisher;
    Reader& first = publisher.add_reader();
    first.wake();
    const std::uint64_t epoch = put(publisher, config_of("a.example"));
    CHECK_FALSE(publisher.passed(epoch));
    publisher.remove_reader(first);
    CHECK(publisher.passed(epoch));
    Reader& second = publisher.add_reader();
    second.wake();
    CHECK(second.current()->match("a.example") != nullptr);
    second.hold(*second.current()->match("a.example"));
    publisher.remove_reader(second);
}

TEST_CASE("slots are used again, so that use counts stay small", "[snapshot]") {
    OneReader one;
    one.reader.wake();
    std::uint32_t highest = 0;
    for (int i = 0; i < 10'000; ++i) {
        put(one.publisher, config_of("a.example"));
        one.reader.turn();
        highest = std::max(highest, one.reader.current()->match("a.example")->slot);
    }
    CHECK(highest <= 2);
}

TEST_CASE("more routes than one chunk of use counts", "[snapshot]") {
    OneReader one;
    std::vector<RouteConfig> configs;
    for (int i = 0; i < 10'000; ++i)
        configs.push_back(config_of("h" + std::to_string(i) + ".example"));
    std::vector<RouteChange> changes;
    for (const RouteConfig& config : configs) changes.push_back({config.v_host, &config});
    one.publisher.publish(changes);
    one.reader.wake();
    const Route* last = one.reader.current()->match("h9999.example");
    REQUIRE(last != nullptr);
    CHECK(last->slot >= UseCounts::chunk_slots);
    one.reader.hold(*last);
    remove(one.publisher, "h9999.example");
    one.reader.turn();
    CHECK(one.publisher.reclaim() == 1);
    one.reader.release(*last);
    CHECK(one.publisher.reclaim() == 0);
    Reader& late = one.publisher.add_reader();  // has room for what exists already
    late.wake();
    late.hold(*late.current()->match("h9998.example"));
    late.release(*late.current()->match("h9998.example"));
    one.publisher.remove_reader(late);
}

TEST_CASE("everything is freed at the end", "[snapshot]") {
    const auto before = live_allocations();
    {
        OneReader one;
        one.reader.wake();
        for (int i = 0; i < 500; ++i)
            put(one.publisher, config_of(std::to_string(i % 50) + ".example.x"));
    }
    const auto after = live_allocations();
    CHECK(after == before);
}
