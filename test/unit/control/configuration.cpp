#include "control/configuration.hpp"

#include "fixture.hpp"
#include "model/route.hpp"

using namespace penstock;
using namespace penstock::control;

namespace {

RouteConfig route(const std::string& v_host, const std::string& id,
                  std::vector<std::string> aliases = {}) {
    RouteConfig config;
    config.v_host = v_host;
    config.id = id;
    config.aliases = std::move(aliases);
    return config;
}

struct Fixture : ApiFixture {
    /// The pointers that a refused change complains about.
    static std::vector<std::string> pointers(const Configuration::Outcome& outcome) {
        REQUIRE_FALSE(outcome.has_value());
        std::vector<std::string> found;
        for (const auto& error : outcome.error().errors) {
            CHECK(error.kind == model::FieldErrorKind::conflict);
            found.push_back(error.pointer);
        }
        return found;
    }
};

using Pointers = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Fixture, "a route that is put is committed, then served", "[control]") {
    const auto outcome = configuration.put(route("a.example", "a", {"b.example"}));
    REQUIRE(outcome.has_value());
    CHECK(*outcome == publisher.epoch());
    CHECK(store.commits == 1);
    CHECK(served("b.example") == "a.example");
    CHECK(configuration.find("a.example")->id == "a");
    CHECK(configuration.find("b.example") == nullptr);
}

TEST_CASE_METHOD(Fixture, "what another route has cannot be taken", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a", {"b.example"})));
    CHECK(pointers(configuration.put(route("b.example", "x"))) == Pointers{"/vHost"});
    CHECK(pointers(configuration.put(route("c.example", "a", {"a.example", "d", "b.example"}))) ==
          Pointers{"/id", "/aliases/0", "/aliases/2"});
    CHECK(store.commits == 1);
    CHECK(configuration.routes().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a route may keep what it has, and give up what others then take",
                 "[control]") {
    REQUIRE(configuration.put(route("a.example", "a", {"b.example"})));
    REQUIRE(configuration.put(route("a.example", "a", {"b.example", "c.example"})));
    REQUIRE(configuration.put(route("a.example", "a2", {"c.example"})));
    CHECK(served("b.example") == "none");
    CHECK(configuration.put(route("b.example", "a")));
    CHECK(configuration.remove("a.example"));
    CHECK(configuration.put(route("c.example", "a2")));
    CHECK(served("c.example") == "c.example");
    CHECK(served("a.example") == "none");
}

TEST_CASE_METHOD(Fixture, "what the store refuses does not happen", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a")));
    const std::uint64_t epoch = publisher.epoch();
    store.failure = "disk full";
    const auto put = configuration.put(route("b.example", "b"));
    REQUIRE_FALSE(put.has_value());
    CHECK(put.error().status == http::Status::insufficient_storage);
    CHECK(put.error().detail == "disk full");
    CHECK_FALSE(configuration.remove("a.example"));
    CHECK_FALSE(configuration.replace_all({}));
    CHECK(configuration.routes().size() == 1);
    CHECK(publisher.epoch() == epoch);
    CHECK(served("a.example") == "a.example");
}

TEST_CASE_METHOD(Fixture, "a check changes nothing", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a")));
    const auto check = Configuration::Mode::check;
    CHECK(*configuration.put(route("b.example", "b"), check) == 0);
    CHECK(*configuration.remove("a.example", check) == 0);
    CHECK(*configuration.replace_all({}, check) == 0);
    CHECK(pointers(configuration.put(route("b.example", "a"), check)) == Pointers{"/id"});
    CHECK(store.commits == 1);
    CHECK(configuration.routes().size() == 1);
}

TEST_CASE_METHOD(Fixture, "all routes are replaced in one publication", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a", {"x.example"})));
    REQUIRE(configuration.put(route("b.example", "b")));
    const std::uint64_t epoch = publisher.epoch();
    const auto outcome = configuration.replace_all(
        {route("b.example", "a", {"x.example"}), route("c.example", "c")});
    REQUIRE(outcome.has_value());
    CHECK(*outcome == epoch + 1);
    CHECK(store.last_commit == std::vector<std::pair<std::string, bool>>{
                                   {"a.example", false}, {"b.example", true}, {"c.example", true}});
    CHECK(served("a.example") == "none");
    CHECK(served("x.example") == "b.example");
    CHECK(served("c.example") == "c.example");
    CHECK(configuration.put(route("a.example", "b")));  // what the old routes had is free
}

TEST_CASE_METHOD(Fixture, "routes that contradict each other replace nothing", "[control]") {
    REQUIRE(configuration.put(route("a.example", "a")));
    CHECK(pointers(configuration.replace_all({route("b.example", "b"), route("b.example", "c")})) ==
          Pointers{"/routes/1/vHost"});
    CHECK(served("a.example") == "a.example");
}

TEST_CASE_METHOD(Fixture, "what the store holds is served from the start", "[control]") {
    store.hold(row_of(route("a.example", "a", {"b.example"})));
    REQUIRE(configuration.load());
    CHECK(store.commits == 0);
    CHECK(served("b.example") == "a.example");
    CHECK(pointers(configuration.put(route("b.example", "b"))) == Pointers{"/vHost"});
}
