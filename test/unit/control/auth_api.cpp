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

TEST_CASE_METHOD(Fixture, "going back does not bring a provider whose id the program has",
                 "[control]") {
    REQUIRE(status(ask("PUT", staff, basic("ann"))) == 201);
    REQUIRE(status(ask("DELETE", staff)) == 204);
    const auto back = [this] {
        return ask("POST", "/api/v1/config/rollback", R"({"revision":1})");
    };
    REQUIRE(configuration.set_program_provider(
        "staff", snapshot::compile(
                     AuthCallback{.id = "staff", .check = [](const AuthRequest&, AuthReply) {}})));
    CHECK(status(back()) == 409);
    CHECK(configuration.auth_providers().empty());
    REQUIRE(configuration.set_program_provider("staff", nullptr));
    CHECK(status(back()) == 200);
    CHECK(configuration.auth_providers().size() == 1);
}

TEST_CASE_METHOD(Fixture, "keys that were fetched outlast an edit that leaves their place alone",
                 "[control]") {
    const auto put = [this](const std::string& more) {
        REQUIRE(status(ask("PUT", staff, R"({"type":"jwt",)" + more + "}")) < 300);
    };
    const auto remote = [this] {
        const auto& provider = *configuration.auth_providers().at("staff").compiled;
        return std::get<snapshot::JwtVerification>(provider.method).remote;
    };
    put(R"("jwksUrl":"http://127.0.0.1:1/a")");
    const auto keys = std::make_shared<const auth::JwkSet>();
    remote()->keys.set(keys);
    put(R"("jwksUrl":"http://127.0.0.1:1/a","issuer":"me")");
    CHECK(remote()->keys.get() == keys);
    put(R"("jwksUrl":"http://127.0.0.1:1/b","issuer":"me")");
    CHECK(remote()->keys.get() == nullptr);
}

TEST_CASE_METHOD(Fixture, "a whole configuration's hooks are looked up before it is in force",
                 "[control]") {
    const auto response = ask("PUT", "/api/v1/config",
                              R"({"version":1,"routes":[],"authProviders":[)"
                              R"({"id":"staff","type":"http","url":"http://hook.example/"}]})");
    CHECK(response.unknown_names == std::vector<std::string>{"hook.example"});
    CHECK(configuration.auth_providers().empty());
}

TEST_CASE_METHOD(Fixture, "a secret that is not given is that of the one key it can mean",
                 "[control]") {
    const auto put = [this](const std::string& keys) {
        return status(ask("PUT", staff, R"({"type":"jwt","jwks":{"keys":[)" + keys + "]}}"));
    };
    const std::string long_k(64, 'A');
    const std::string first = R"({"kty":"oct","k":")" + long_k + R"("})";
    const std::string second = R"({"kty":"oct","k":"BBBB)" + long_k + R"("})";
    REQUIRE(put(first) == 201);
    CHECK(put(R"({"kty":"oct"})") == 200);
    REQUIRE(put(first + "," + second) == 200);
    CHECK(put(R"({"kty":"oct"})") == 422);
    CHECK(put(R"({"kty":"oct"},{"kty":"oct"})") == 422);
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
