#include "control/certificates_api.hpp"

#include "../net/certificate_maker.hpp"
#include "fixture.hpp"
#include "model/json_writer.hpp"

using namespace penstock;
using namespace penstock::control;
using net::tls::CertificateWish;
using net::tls::MadeKey;

namespace {

const std::string certificates = "/api/v1/certificates";

struct Pair {
    std::string cert;
    std::string key;
};

Pair pair_for(const std::string& names, const MadeKey& key = MadeKey::ec()) {
    return {net::tls::issue(key, {.names = names}).pem(), key.pem()};
}

std::string as_json(std::string_view text) {
    std::string json;
    model::write_string(json, text);
    return json;
}

std::string ssl_of(const Pair& pair) {
    return R"("ssl":{"cert":)" + as_json(pair.cert) + R"(,"key":)" + as_json(pair.key) + "}";
}

struct Fixture : ApiFixture {
    ApiResponse put(std::string_view domain, const Pair& pair, std::string_view query = "") {
        return ask("POST", certificates + std::string(query),
                   R"({"domain":)" + as_json(domain) + R"(,"cert":)" + as_json(pair.cert) +
                       R"(,"key":)" + as_json(pair.key) + "}");
    }
    /// The fingerprint of what a client gets that asks for `sni`.
    std::string given(std::string_view sni) const {
        const auto* set = publisher.current().certificates().find(sni);
        if (set == nullptr) return "none";
        for (const auto& one : set->by_kind) {
            if (one != nullptr) return one->fingerprint();
        }
        return "empty";
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what is uploaded is stored, published and told", "[control]") {
    std::vector<std::string> told;
    const auto hearing = events.subscribe_all([&](const auto& event) {
        using E = std::remove_cvref_t<decltype(event)>;
        if constexpr (std::is_base_of_v<CertificateEvent, E>)
            told.push_back(std::string(E::name) + " " + event.domain + " " + event.key_kind);
    });
    const Pair pair = pair_for("DNS:a.example");
    const ApiResponse created = put("A.example.", pair);
    REQUIRE(status(created) == 201);
    CHECK(created.wait_for_epoch == publisher.epoch());
    CHECK(given("a.example") == text_at(created, "/certificates/0/fingerprint"));
    CHECK(store.last_key == pair.key);
    const ApiResponse updated = put("a.example", pair_for("DNS:a.example"));
    CHECK(status(updated) == 200);
    CHECK(given("a.example") == text_at(updated, "/certificates/0/fingerprint"));
    CHECK(status(put("a.example", pair_for("DNS:a.example", MadeKey::rsa()))) == 200);
    CHECK(status(ask("DELETE", certificates + "/a.example")) == 204);
    CHECK(given("a.example") == "none");
    CHECK(told == std::vector<std::string>{
                      "certificate.created a.example ECDSA", "certificate.changed a.example ECDSA",
                      "certificate.created a.example RSA", "certificate.deleted a.example RSA",
                      "certificate.deleted a.example ECDSA"});
}

TEST_CASE_METHOD(Fixture, "a certificate that the store cannot take is not served", "[control]") {
    store.failure = "the disk is full";
    CHECK(status(put("a.example", pair_for("DNS:a.example"))) == 507);
    CHECK(given("a.example") == "none");
    CHECK(configuration.certificates().domains().empty());
}

TEST_CASE_METHOD(Fixture, "a route's own certificate comes before the uploaded one", "[control]") {
    const std::string uploaded = text_at(
        put("a.example", pair_for("DNS:a.example", MadeKey::rsa())), "/certificates/0/fingerprint");
    const std::string path = "/api/v1/routes/a.example";
    const std::string body = R"({"vHost":"a.example","aliases":["b.example","c.example"],)" +
                             ssl_of(pair_for("DNS:a.example,DNS:b.example")) + "}";
    REQUIRE(status(ask("PUT", path, body)) == 201);
    const auto* route = publisher.current().match("a.example");
    REQUIRE(route->certificate != nullptr);
    const std::string own = route->certificate->fingerprint();
    CHECK(own != uploaded);
    CHECK(given("a.example") == own);
    CHECK(given("b.example") == own);
    CHECK(given("c.example") == "none");  // not covered

    REQUIRE(configuration.refresh("a.example") != 0);
    CHECK(publisher.current().match("a.example")->certificate->fingerprint() == own);
    CHECK(status(ask("PATCH", path, R"({"ssl":null})")) == 200);
    CHECK(given("a.example") == uploaded);
    CHECK(given("b.example") == "none");
}

TEST_CASE_METHOD(Fixture, "a route that goes takes its certificate along", "[control]") {
    const std::string path = "/api/v1/routes/a.example";
    REQUIRE(status(ask("PUT", path, "{" + ssl_of(pair_for("DNS:a.example")) + "}")) == 201);
    CHECK(given("a.example") != "none");
    CHECK(status(ask("DELETE", path)) == 204);
    CHECK(given("a.example") == "none");
}

TEST_CASE_METHOD(Fixture, "at start everything stored is served, be it expired", "[control]") {
    const auto key = MadeKey::ec();
    const CertificateWish old{.until = std::time(nullptr) - 60};
    const Pair pair{net::tls::issue(key, old).pem(), key.pem()};
    store.hold(row_of(CertificateConfig{"a.example", pair.cert, pair.key, {}},
                      net::tls::Certificate::KeyKind::ecdsa));
    RouteConfig route;
    route.v_host = "*";
    route.id = "any";
    route.ssl = SslConfig{pair.cert, pair.key};
    store.hold(row_of(route));
    REQUIRE(configuration.load().has_value());
    CHECK(given("a.example") != "none");
    CHECK(given("other.test") != "none");
    CHECK(status(ask("PATCH", "/api/v1/routes/*", R"({"retries":1})")) == 200);
    CHECK(status(put("a.example", pair)) == 422);
}
