// Which JSON field of an auth provider is which member; see route_fields.hpp, whose counterpart
// this is.
//
// `visit.accepted(name, member, about)` is for a field that comes in and is kept in another form,
// `visit.jwks(name, member, about)` for a JWK Set, kept as JSON text. A new type of provider is its
// structure in <penstock/auth_provider.hpp>, its fields here, and its line in auth_types.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <variant>

#include <penstock/auth_provider.hpp>

#include "model/route_fields.hpp"

namespace penstock::model {

void visit_fields(Either<BasicUser> auto& user, auto&& visit) {
    visit("name", user.name, About{.what = "UTF-8, no colon.", .required = true});
    visit.secret("hash", user.hash,
                 About{"bcrypt, yescrypt, scrypt, SHA-crypt or argon2: `htpasswd -B` makes one."});
}

void visit_fields(Either<BasicAuth> auto& basic, auto&& visit) {
    visit("realm", basic.realm, About{"What browsers show who asks."});
    visit("users", basic.users, About{"Who gets in."});
}

void visit_fields(Either<BearerToken> auto& token, auto&& visit) {
    visit("name", token.name, About{.what = "Of whoever has it: for people.", .required = true});
    visit.accepted("token", token.token, About{"Itself; only its SHA-256 is kept."});
    visit.secret("sha256", token.sha256, About{"64 hexadecimal digits, instead of the token."});
}

void visit_fields(Either<BearerAuth> auto& bearer, auto&& visit) {
    visit("realm", bearer.realm, About{"What a 401 names."});
    visit("tokens", bearer.tokens, About{"Which tokens pass."});
}

void visit_fields(Either<JwtAuth> auto& jwt, auto&& visit) {
    visit("realm", jwt.realm, About{"What a 401 names."});
    visit.jwks("jwks", jwt.jwks,
               About{"JWK Set (RFC 7517); the k of symmetric keys is write-only."});
    visit("jwksUrl", jwt.jwks_url, About{"Where a JWK Set is fetched."});
    visit("caCert", jwt.ca_cert, About{"PEM of whom to trust for jwksUrl."});
    visit("publicKeys", jwt.public_keys, About{"PEM: public keys or certificates."});
    visit("issuer", jwt.issuer, About{"What iss must be."});
    visit("audience", jwt.audience, About{"One of these must be in aud."});
    visit("algorithms", jwt.algorithms, About{"Those allowed; none: what the keys are for."});
    visit("leeway", jwt.leeway,
          About{.what = "How far clocks may differ.",
                .most = longest_leeway.count(),
                .may_be_zero = true});
}

void visit_fields(Either<HttpAuth> auto& hook, auto&& visit) {
    visit("url", hook.url, About{.what = "What is asked, by GET.", .required = true});
    visit("headers", hook.headers, About{"Request fields that it is sent."});
    visit("copyHeaders", hook.copy_headers,
          About{"Fields of its answer that the request is given."});
    visit("timeout", hook.timeout,
          About{.what = "For its whole answer.", .most = longest_hook_timeout.count()});
    visit("cacheTtl", hook.cache_ttl,
          About{.what = "How long its consent is good for.",
                .most = longest_cache_ttl.count(),
                .may_be_zero = true});
    visit("caCert", hook.ca_cert, About{"PEM of whom to trust for an https URL."});
}

void visit_fields(Either<AuthProviderConfig> auto& provider, auto&& visit) {
    visit("id", provider.id, About{"Unique; without one it is given a UUID."});
    visit("type", provider.method, About{.what = "How it checks.", .required = true});
    visit("forwardCredentials", provider.forward_credentials,
          About{"Backends get the Authorization field too."});
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
