// Which JSON field of an auth provider is which member; see route_fields.hpp, whose counterpart
// this is.
//
// `visit.accepted(name, member)` is for a field that comes in and is kept in another form,
// `visit.jwks(name, member)` for a JWK Set, kept as JSON text. A new
// type of provider is its structure in <penstock/auth_provider.hpp>, its fields here, and its line
// in auth_types.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <variant>

#include <penstock/auth_provider.hpp>

#include "model/route_fields.hpp"

namespace penstock::model {

void visit_fields(Either<BasicUser> auto& user, auto&& visit) {
    visit("name", user.name);
    visit.secret("hash", user.hash);
}

void visit_fields(Either<BasicAuth> auto& basic, auto&& visit) {
    visit("realm", basic.realm);
    visit("users", basic.users);
}

void visit_fields(Either<BearerToken> auto& token, auto&& visit) {
    visit("name", token.name);
    visit.accepted("token", token.token);
    visit.secret("sha256", token.sha256);
}

void visit_fields(Either<BearerAuth> auto& bearer, auto&& visit) {
    visit("realm", bearer.realm);
    visit("tokens", bearer.tokens);
}

void visit_fields(Either<JwtAuth> auto& jwt, auto&& visit) {
    visit("realm", jwt.realm);
    visit.jwks("jwks", jwt.jwks);
    visit("jwksUrl", jwt.jwks_url);
    visit("caCert", jwt.ca_cert);
    visit("publicKeys", jwt.public_keys);
    visit("issuer", jwt.issuer);
    visit("audience", jwt.audience);
    visit("algorithms", jwt.algorithms);
    visit("leeway", jwt.leeway);
}

void visit_fields(Either<HttpAuth> auto& hook, auto&& visit) {
    visit("url", hook.url);
    visit("headers", hook.headers);
    visit("copyHeaders", hook.copy_headers);
    visit("timeout", hook.timeout);
    visit("cacheTtl", hook.cache_ttl);
    visit("caCert", hook.ca_cert);
}

void visit_fields(Either<AuthProviderConfig> auto& provider, auto&& visit) {
    visit("id", provider.id);
    visit("type", provider.method);
    visit("forwardCredentials", provider.forward_credentials);
    std::visit(
        [&](auto& method) {
            using Method = std::remove_cvref_t<decltype(method)>;
            if constexpr (!std::is_same_v<Method, std::monostate>) visit_fields(method, visit);
        },
        provider.method);
}

struct AuthType {
    std::string_view name;
    AuthProviderConfig::Method fresh;
};

/// By their place in AuthProviderConfig::Method, from its second on.
inline const std::array<AuthType, 4> auth_types{{
    {"basic", BasicAuth{}},
    {"bearer", BearerAuth{}},
    {"jwt", JwtAuth{}},
    {"http", HttpAuth{}},
}};

}  // namespace penstock::model
