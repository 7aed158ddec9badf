// Auth providers from JSON: fields, rules, secrets.
#include "model/auth_provider.hpp"

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "model/json_writer.hpp"

using namespace penstock;
using namespace penstock::model;

namespace {

using Lines = std::vector<std::string>;

Draft<AuthProviderConfig> checked(std::string_view json) {
    auto draft = draft_auth_provider(json);
    REQUIRE(draft.has_value());
    add_new(draft->errors, validate(draft->value));
    return *draft;
}

Lines complaints(std::string_view json) {
    Lines lines;
    for (const FieldError& error : checked(json).errors)
        lines.push_back(error.pointer + ": " + error.detail);
    return lines;
}

Lines pointers(std::string_view json) {
    Lines found;
    for (const FieldError& error : checked(json).errors) found.push_back(error.pointer);
    return found;
}

std::string rendered(const AuthProviderConfig& provider, Secrets secrets) {
    std::string out;
    write_configured(out, provider, secrets);
    return out;
}

const std::string hash(64, 'a');

}  // namespace

TEST_CASE("an auth provider is read, and written without and with its secrets", "[model]") {
    SECTION("basic") {
        const auto draft =
            checked(R"({"users":[{"name":"ann","hash":"$2y$x"},{"name":"bob","hash":"$6$y"}],)"
                    R"("type":"basic","id":"staff","realm":"Staff \"only\""})");
        CHECK(draft.errors.empty());
        CHECK(rendered(draft.value, Secrets::left_out) ==
              R"({"id":"staff","type":"basic","forwardCredentials":false,)"
              R"("realm":"Staff \"only\"","users":[{"name":"ann"},{"name":"bob"}]})");
        const std::string stored = rendered(draft.value, Secrets::included);
        CHECK(stored.find("$2y$x") != std::string::npos);
        CHECK(checked(stored).value == draft.value);
    }
    SECTION("bearer") {
        const auto draft = checked(R"({"id":"ci","type":"bearer","forwardCredentials":true,)"
                                   R"("tokens":[{"name":"one","sha256":")" +
                                   hash + R"("}]})");
        CHECK(draft.errors.empty());
        CHECK(rendered(draft.value, Secrets::left_out) ==
              R"({"id":"ci","type":"bearer","forwardCredentials":true,)"
              R"("realm":"Restricted","tokens":[{"name":"one"}]})");
        CHECK(checked(rendered(draft.value, Secrets::included)).value == draft.value);
    }
}

TEST_CASE("a token never leaves, not even for the store", "[model]") {
    const auto draft =
        checked(R"({"type":"bearer","tokens":[{"name":"one","token":"open-sesame"}]})");
    CHECK(draft.errors.empty());
    CHECK(rendered(draft.value, Secrets::included).find("sesame") == std::string::npos);
}

TEST_CASE("every bad field of an auth provider is named", "[model]") {
    CHECK(complaints("{}") == Lines{"/type: required: what kind of provider it is"});
    CHECK(complaints(R"({"type":"digest","users":[]})") ==
          Lines{"/type: must be one of basic, bearer, jwt, http"});
    CHECK(pointers(R"({"type":"http"})") == Lines{"/url"});
    CHECK(pointers(R"({"type":"http","url":"http://a","headers":["a b","Host","Upgrade",)"
                   R"("x-forwarded-for","a","A"],"copyHeaders":["Content-Length"],)"
                   R"("timeout":"61s","cacheTtl":"61m","caCert":"x"})") ==
          Lines{"/caCert", "/headers/0", "/headers/1", "/headers/2", "/headers/3", "/headers/5",
                "/copyHeaders/0", "/timeout", "/cacheTtl"});
    CHECK(pointers(R"({"type":"basic","tokens":[],"x":1})") == Lines{"/tokens", "/x"});
    CHECK(pointers(R"({"type":"basic","realm":"","forwardCredentials":"no","id":"a\u0001"})") ==
          Lines{"/forwardCredentials", "/id", "/realm"});
    CHECK(pointers(R"({"type":"basic","users":[{"name":"a:b","hash":"x"},{"name":"","hash":"x"},)"
                   R"({"name":"c"},{"name":"d","hash":"x"},{"name":"d","hash":"x"},)"
                   R"({"name":"e\n","hash":"x"},{"name":"f","hash":"x","token":"x"}]})") ==
          Lines{"/users/6/token", "/users/0/name", "/users/1/name", "/users/2/hash",
                "/users/4/name", "/users/5/name"});
    CHECK(pointers(R"({"type":"bearer","tokens":[{"name":"a"},{"name":"b","sha256":"00"},)"
                   R"({"name":"c","token":"a b"},{"name":"d","token":""},)"
                   R"({"name":"e","token":"x","sha256":")" +
                   hash + R"("},{"name":"e","token":"a=b"},{"name":"f","token":"a+/~._-9=="}]})") ==
          Lines{"/tokens/0/token", "/tokens/1/sha256", "/tokens/2/token", "/tokens/3/token",
                "/tokens/4/sha256", "/tokens/5/name", "/tokens/5/token"});
}

TEST_CASE("what answers leave out is kept by name, where the type stays", "[model]") {
    const auto before =
        checked(R"({"type":"basic","users":[{"name":"a","hash":"A"},{"name":"b","hash":"B"}]})");
    auto after =
        checked(R"({"type":"basic","users":[{"name":"b"},{"name":"a","hash":"N"},{"name":"c"}]})");
    inherit_secrets(after.value, before.value);
    const auto& users = std::get<BasicAuth>(after.value.method).users;
    CHECK(users[0].hash == "B");
    CHECK(users[1].hash == "N");
    CHECK(users[2].hash.empty());

    auto other = checked(R"({"type":"bearer","tokens":[{"name":"a"}]})");
    inherit_secrets(other.value, before.value);
    CHECK(std::get<BearerAuth>(other.value.method).tokens[0].sha256.empty());
}

TEST_CASE("a jwt provider's keys are shown without what is secret, and keep it by kid", "[model]") {
    const std::string keys = R"({"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"},)"
                             R"({"kty":"RSA","n":"AQ","e":"AQAB"}],"x":[1]})";
    const auto before = checked(R"({"id":"sso","type":"jwt","jwks":)" + keys +
                                R"(,"issuer":"i","audience":["api"],"leeway":"0s"})");
    CHECK(before.errors.empty());
    CHECK(rendered(before.value, Secrets::left_out) ==
          R"({"id":"sso","type":"jwt","forwardCredentials":false,"realm":"Restricted",)"
          R"("jwks":{"keys":[{"kty":"oct","kid":"a"},{"kty":"RSA","n":"AQ","e":"AQAB"}],"x":[1]},)"
          R"("jwksUrl":null,"caCert":null,"publicKeys":null,)"
          R"("issuer":"i","audience":["api"],"algorithms":[],)"
          R"("leeway":"0s"})");
    CHECK(checked(rendered(before.value, Secrets::included)).value == before.value);
    auto again = checked(rendered(before.value, Secrets::left_out));
    CHECK(again.value != before.value);
    inherit_secrets(again.value, before.value);
    CHECK(rendered(again.value, Secrets::included).find("c2VjcmV0") != std::string::npos);
    auto other = checked(R"({"type":"jwt","jwks":{"keys":[{"kty":"oct","kid":"b"},7]}})");
    inherit_secrets(other.value, before.value);
    CHECK(rendered(other.value, Secrets::included).find("c2VjcmV0") == std::string::npos);
    CHECK(rendered(checked(R"({"type":"jwt","jwks":{"k":"c2VjcmV0"}})").value, Secrets::left_out)
              .find("c2VjcmV0") == std::string::npos);
}

TEST_CASE("what stands in a jwt provider", "[model]") {
    CHECK(pointers(R"({"type":"jwt"})") == Lines{"/jwks"});
    CHECK(pointers(R"({"type":"jwt","jwks":"x"})") == Lines{"/jwks"});
    CHECK(pointers(R"({"type":"jwt","jwks":{},"publicKeys":"x"})") == Lines{"/publicKeys"});
    CHECK(pointers(R"({"type":"jwt","jwksUrl":"http://a"})").empty());
    CHECK(pointers(R"({"type":"jwt","jwksUrl":"//a"})") == Lines{"/jwksUrl"});
    CHECK(pointers(R"({"type":"jwt","jwksUrl":"http://a","caCert":"x"})") == Lines{"/caCert"});
    CHECK(pointers(R"({"type":"jwt","jwksUrl":"http://a","jwks":{}})") == Lines{"/jwksUrl"});
    CHECK(pointers(R"({"type":"jwt","publicKeys":"","issuer":"","audience":["a",""],)"
                   R"("algorithms":[1],"leeway":"61m"})") ==
          Lines{"/algorithms/0", "/publicKeys", "/issuer", "/audience/1", "/leeway"});
}

TEST_CASE("a document's providers have ids of their own", "[model]") {
    std::vector<AuthProviderConfig> providers(3);
    for (auto& one : providers) one.method = BasicAuth{};
    providers[0].id = providers[2].id = "a";
    FieldErrors errors;
    check_all(providers, "/authProviders", errors);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].pointer == "/authProviders/2/id");
    CHECK(errors[0].kind == FieldErrorKind::conflict);
    CHECK(providers[1].id.size() == 36);
}
