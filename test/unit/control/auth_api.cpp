// /api/v1/auth-providers without a network: the store, publication and secrets.
#include "control/auth_api.hpp"

#include "fixture.hpp"
#include "model/auth_provider.hpp"

using namespace penstock;
using namespace penstock::control;

namespace {

const std::string providers = "/api/v1/auth-providers";
const std::string staff = providers + "/staff";
const std::string hash = "$2y$04$VxXzOUwtwdvs1px9wmVNpuTiuXoOtTkvdCwOjWw6E8gEfU/pD/O2G";

std::string basic(std::string_view user) {
    return R"({"type":"basic","users":[{"name":")" + std::string(user) + R"(","hash":")" + hash +
           R"("}]})";
}

struct Fixture : ApiFixture {
    const snapshot::Route& route() const { return *publisher.current().match("a.example"); }
    void guard_route() {
        REQUIRE(status(ask("PUT", staff, basic("ann"))) == 201);
        REQUIRE(status(ask("PUT", "/api/v1/routes/a.example", R"({"authProvider":"staff"})")) ==
                201);
    }
    bool knows(std::string_view user) const {
        return std::get<snapshot::BasicUsers>(route().auth->method).hash_of(user) != nullptr;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a provider that changes publishes the routes that name it",
                 "[control]") {
    guard_route();
    CHECK(route().is_guarded);
    CHECK(knows("ann"));
    const auto before = publisher.epoch();
    const auto changed = ask("PUT", staff, basic("bob"));
    CHECK(status(changed) == 200);
    CHECK(changed.wait_for_epoch == before + 1);
    CHECK_FALSE(knows("ann"));
    CHECK(knows("bob"));
    const auto serial = route().auth->serial;
    CHECK(status(ask("PUT", staff, basic("bob"))) == 200);  // nothing has changed
    CHECK(status(ask("PATCH", "/api/v1/routes/a.example", R"({"retries":1})")) == 200);
    CHECK(route().auth->serial == serial);
    CHECK(configuration.refresh("a.example") != 0);
    CHECK(route().auth->serial == serial);
}

TEST_CASE_METHOD(Fixture, "what the store cannot take is not in force", "[control]") {
    guard_route();
    store.failure = "the disk is full";
    CHECK(status(ask("PUT", staff, basic("bob"))) == 507);
    CHECK(status(ask("PUT", providers + "/new", basic("bob"))) == 507);
    CHECK(knows("ann"));
    CHECK(configuration.auth_providers().size() == 1);
}

TEST_CASE_METHOD(Fixture, "tokens are stored as their digests, and taken back", "[control]") {
    REQUIRE(status(ask("PUT", providers + "/ci",
                       R"({"type":"bearer","tokens":[{"name":"a","token":"open-sesame"}]})")) ==
            201);
    const auto rows = store.rows(RowKind::auth_provider);
    REQUIRE(rows->size() == 1);
    CHECK(rows->front().value.find("sesame\"") == std::string::npos);
    Configuration again(store, publisher, events, names);
    REQUIRE(again.load());
    CHECK(again.auth_providers().at("ci").config == configuration.auth_providers().at("ci").config);
}

TEST_CASE_METHOD(Fixture, "a stored route whose provider is missing lets nobody in", "[control]") {
    RouteConfig stored;
    stored.v_host = "a.example";
    stored.id = "a";
    stored.auth_provider = "gone";
    store.hold(row_of(stored));
    REQUIRE(configuration.load());
    CHECK(route().is_guarded);
    CHECK(route().auth == nullptr);
    CHECK(status(ask("PUT", providers + "/gone", basic("ann"))) == 201);
    CHECK(knows("ann"));
}

TEST_CASE_METHOD(Fixture, "a stored provider that cannot be read is no start", "[control]") {
    store.hold({RowKind::auth_provider, "staff", R"({"id":"staff","type":"basic","users":[{}]})"});
    const auto loaded = configuration.load();
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().detail.find("\"staff\"") != std::string::npos);
}
