// Contexts for TLS to backends: shared by those of the same credentials, and gone with the last.
#include "snapshot/backend_tls.hpp"

#include <catch2/catch_test_macros.hpp>

#include "../net/certificate_maker.hpp"
#include "snapshot/compile.hpp"

using namespace penstock;
using namespace penstock::net::tls;
using namespace penstock::snapshot;

namespace {

Backend backend_of(std::optional<std::string> ca_cert, std::string hostname = "a.test") {
    Backend backend;
    backend.id = "one";
    backend.hostname = std::move(hostname);
    backend.port = 443;
    backend.tls = true;
    backend.ca_cert = std::move(ca_cert);
    return backend;
}

std::string authority() {
    return issue(MadeKey::ec(), {.names = "", .is_ca = true}).pem();
}

}  // namespace

TEST_CASE("backends of the same credentials share a context, whatever their names") {
    ClientContexts contexts;
    const auto first = contexts.of(backend_of({}));
    const auto second = contexts.of(backend_of({}, "b.test"));
    CHECK(first->context == second->context);
    CHECK(first->id != second->id);
    CHECK(first->server.name == "a.test");
    CHECK(contexts.of(backend_of({}))->id == first->id);

    const std::string ca = authority();
    const auto third = contexts.of(backend_of(ca));
    CHECK(third->context != first->context);
    CHECK(third->id != first->id);
    CHECK(contexts.of(backend_of(ca))->context == third->context);

    Backend plain = backend_of({});
    plain.tls = false;
    CHECK(contexts.of(plain) == nullptr);
}

TEST_CASE("serverName stands for the hostname; an address is not asked for by name") {
    ClientContexts contexts;
    Backend backend = backend_of({}, "127.0.0.1");
    CHECK(contexts.of(backend)->server.is_address);
    backend.server_name = "inner.test";
    const auto named = contexts.of(backend);
    CHECK_FALSE(named->server.is_address);
    CHECK(named->server.name == "inner.test");
}

TEST_CASE("a context that nobody uses is freed, and does not pile up") {
    ClientContexts contexts;
    const std::string ca = authority();
    std::weak_ptr<const ClientContext> gone = contexts.of(backend_of(ca))->context;
    CHECK(gone.expired());
    CHECK(contexts.of(backend_of(ca))->context != nullptr);
    for (int i = 0; i < 200; ++i) contexts.of(backend_of(authority()));
    CHECK(contexts.size() <= 64);
}

TEST_CASE("what is known of a backend under some settings of TLS holds for no others") {
    RouteConfig config;
    config.v_host = "a.test";
    config.backends = {backend_of({}, "127.0.0.1")};
    LiveRegistry registry;
    const auto compiled = [&](bool tls, std::optional<std::string> ca_cert) {
        config.backends[0].tls = tls;
        config.backends[0].ca_cert = std::move(ca_cert);
        const BackendState state = state_of_literal(config.backends[0]);
        return compile(config, std::span(&state, 1), registry);
    };
    const auto plain = compiled(false, {});
    const auto secured = compiled(true, {});
    const auto again = compiled(true, {});
    const auto other = compiled(true, authority());
    CHECK(secured->upstreams[0].live == again->upstreams[0].live);
    CHECK(secured->upstreams[0].live != plain->upstreams[0].live);
    CHECK(secured->upstreams[0].live != other->upstreams[0].live);
    CHECK(secured->upstreams[0].hash == plain->upstreams[0].hash);  // IP_HASH's clients stay
    CHECK(secured->upstreams[0].authority == "127.0.0.1:443");
    for (const auto* route : {&plain, &secured, &again, &other}) release_live(**route, registry);
    CHECK(registry.backends() == 0);
}
