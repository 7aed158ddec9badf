#include "control/auth_providers.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "auth/password.hpp"
#include "auth/token_digest.hpp"
#include "model/auth_provider.hpp"
#include "model/host_pattern.hpp"
#include "model/http_url.hpp"
#include "net/tls/client_context.hpp"

namespace penstock::control {

namespace {

using auth::TokenDigest;

void check_method(BasicAuth& basic, model::FieldErrors& errors) {
    for (std::size_t i = 0; i < basic.users.size() && errors.size() < model::most_errors; ++i) {
        if (auto why = auth::unusable_hash(basic.users[i].hash)) {
            errors.push_back({model::child_pointer("/users", i) + "/hash", std::move(*why)});
        }
    }
}

/// The token goes, what it is known by stays.
void digest(BearerToken& token) {
    if (token.token) {
        token.sha256 = TokenDigest::of(*token.token).hex();
        OPENSSL_cleanse(token.token->data(), token.token->size());
        token.token.reset();
    } else if (const auto given = TokenDigest::parse(token.sha256)) {
        token.sha256 = given->hex();
    }
}

void check_method(BearerAuth& bearer, model::FieldErrors& errors) {
    std::unordered_map<std::string_view, std::size_t> seen;
    for (std::size_t i = 0; i < bearer.tokens.size(); ++i) {
        digest(bearer.tokens[i]);
        const auto [first, fresh] = seen.emplace(bearer.tokens[i].sha256, i);
        if (fresh || bearer.tokens[i].sha256.empty()) continue;
        errors.push_back(
            {model::child_pointer("/tokens", i),
             fmt::format("is the same token as that of \"{}\"", bearer.tokens[first->second].name),
             model::FieldErrorKind::conflict});
    }
}

bool are_of_use(const auth::JwkSet& keys, const std::vector<auth::JwsAlgorithm>& allowed) {
    return std::any_of(allowed.begin(), allowed.end(), [&](auth::JwsAlgorithm algorithm) {
        return std::any_of(keys.keys().begin(), keys.keys().end(),
                           [&](const auth::Jwk& key) { return key.fits(algorithm); });
    });
}

void check_authorities(const std::optional<std::string>& pem, model::FieldErrors& errors) {
    if (!pem) return;
    for (const auto& fault : net::tls::ClientContext::faults_of({*pem, {}, {}})) {
        errors.push_back({"/caCert", fault.error.message, model::FieldErrorKind::invalid,
                          net::tls::name_of(fault.error.kind)});
    }
}

void check_method(const HttpAuth& hook, model::FieldErrors& errors) {
    check_authorities(hook.ca_cert, errors);
}

void check_method(JwtAuth& jwt, model::FieldErrors& errors) {
    check_authorities(jwt.ca_cert, errors);
    if (jwt.jwks.empty() && !jwt.public_keys && !jwt.jwks_url) return;  // told of already
    const auth::JwkSet keys = snapshot::keys_of(jwt, errors);
    std::vector<auth::JwsAlgorithm> allowed;
    for (std::size_t i = 0; i < jwt.algorithms.size(); ++i) {
        const auto algorithm = auth::algorithm_named(jwt.algorithms[i]);
        if (algorithm) {
            allowed.push_back(*algorithm);
        } else {
            errors.push_back(
                {model::child_pointer("/algorithms", i),
                 "not a signature algorithm that is known: HS256, RS256, PS256, ES256, "
                 "EdDSA and their like are"});
        }
    }
    if (errors.empty() && !jwt.jwks_url && !jwt.algorithms.empty() && !are_of_use(keys, allowed))
        errors.push_back({"/algorithms", "none of the keys is for any of these"});
}

void check_method(std::monostate&, model::FieldErrors&) {}

}  // namespace

model::FieldError no_auth_provider(const std::string& id, std::string_view base) {
    return {std::string(base) + "/authProvider",
            fmt::format("there is no auth provider \"{}\"", id)};
}

std::optional<std::string> name_to_look_up(const AuthProviderConfig& provider) {
    std::optional<std::string> text;
    if (const auto* const hook = std::get_if<HttpAuth>(&provider.method)) text = hook->url;
    if (const auto* const jwt = std::get_if<JwtAuth>(&provider.method)) text = jwt->jwks_url;
    if (!text) return {};
    auto url = model::HttpUrl::parse(*text);
    if (!url || !model::needs_lookup(url->hostname)) return {};
    return std::move(url->hostname);
}

AuthProviderPtr check_auth_provider(model::Draft<AuthProviderConfig>& draft) {
    model::add_new(draft.errors, model::validate(draft.value));
    model::FieldErrors errors;
    std::visit([&](auto& method) { check_method(method, errors); }, draft.value.method);
    model::add_new(draft.errors, std::move(errors));
    return draft.errors.empty() ? snapshot::compile(draft.value) : nullptr;
}

}  // namespace penstock::control
