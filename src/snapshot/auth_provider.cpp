#include "snapshot/auth_provider.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "auth/password.hpp"
#include "base/assert.hpp"
#include "model/json_writer.hpp"

namespace penstock::snapshot {

namespace {

/// quoted-string of RFC 9110 section 5.6.4.
std::string quoted_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string challenge_line(std::string_view scheme, const std::string& realm,
                           std::string_view more) {
    std::string line = "WWW-Authenticate: ";
    line += scheme;
    line += " realm=" + quoted_string(realm);
    line += more;
    return line + "\r\n";
}

/// RFC 7617 section 2.1.
AuthProvider::Method compile_method(const BasicAuth& basic, AuthProvider& provider) {
    provider.challenge = challenge_line("Basic", basic.realm, ", charset=\"UTF-8\"");
    provider.second_challenge = provider.challenge;
    return BasicUsers(basic.users);
}

/// RFC 6750 section 3: no reason is given to who has shown no token.
void challenge_bearer(const std::string& realm, AuthProvider& provider) {
    provider.challenge = challenge_line("Bearer", realm, "");
    provider.second_challenge = challenge_line("Bearer", realm, ", error=\"invalid_token\"");
}

AuthProvider::Method compile_method(const BearerAuth& bearer, AuthProvider& provider) {
    challenge_bearer(bearer.realm, provider);
    return BearerTokens(bearer.tokens);
}

auth::JwtRules rules_of(const JwtAuth& jwt) {
    auth::JwtRules rules{.issuer = jwt.issuer, .audiences = jwt.audience};
    rules.leeway = std::chrono::ceil<std::chrono::seconds>(jwt.leeway);
    if (jwt.algorithms.empty()) return rules;
    rules.algorithms = {};
    for (const std::string& name : jwt.algorithms) {
        const auto algorithm = auth::algorithm_named(name);
        PENSTOCK_ASSERT(algorithm.has_value());
        rules.algorithms.add(*algorithm);
    }
    return rules;
}

/// Why a token is not good tells nobody more than its owner knows: the signature has been found
/// good, or that is what is wrong.
AuthProvider::Method compile_method(const JwtAuth& jwt, AuthProvider& provider) {
    challenge_bearer(jwt.realm, provider);
    model::FieldErrors errors;
    JwtVerification verification{
        .keys = keys_of(jwt, errors), .remote = {}, .rules = rules_of(jwt), .challenges = {}};
    PENSTOCK_ASSERT(errors.empty());
    if (jwt.jwks_url) {
        verification.remote = std::make_shared<RemoteKeys>();
        verification.remote->target = HttpTarget::of(*jwt.jwks_url, jwt.ca_cert);
        verification.remote->source = *jwt.jwks_url + '\n' + jwt.ca_cert.value_or("");
    }
    for (std::size_t i = 0; i < jwt_faults; ++i) {
        std::string more = ", error=\"invalid_token\", error_description=";
        more += quoted_string(auth::text_of(static_cast<auth::JwtFault>(i)));
        verification.challenges[i] = challenge_line("Bearer", jwt.realm, more);
    }
    return verification;
}

AuthProvider::Method compile_method(const HttpAuth& config, AuthProvider&) {
    HttpHook hook;
    hook.target = HttpTarget::of(config.url, config.ca_cert);
    hook.headers = config.headers;
    hook.copy_headers = config.copy_headers;
    std::map<std::string, std::optional<std::string>> taken;
    for (const std::string& name : config.copy_headers) taken[name] = std::nullopt;
    hook.taken = FieldEdits(taken, "");
    hook.timeout = config.timeout;
    hook.cache_ttl = config.cache_ttl;
    return hook;
}

AuthProvider::Method compile_method(const std::monostate&, AuthProvider&) {
    PENSTOCK_ASSERT(false);  // it has been checked
    return BearerTokens({});
}

std::uint64_t next_serial() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

auth::TokenDigest fingerprint_of(const AuthProviderConfig& config) {
    std::string json;
    model::write_configured(json, config, model::Secrets::included);
    return auth::TokenDigest::of(json);
}

}  // namespace

auth::JwkSet keys_of(const JwtAuth& jwt, model::FieldErrors& errors) {
    if (jwt.jwks_url) return {};
    if (jwt.public_keys) return auth::read_pem_keys(*jwt.public_keys, "/publicKeys", errors);
    model::FieldErrors found;
    auth::JwkSet keys = auth::parse_jwk_set(jwt.jwks, auth::JwkSource::configured, found);
    for (model::FieldError& error : found) error.pointer.insert(0, "/jwks");
    model::add_new(errors, std::move(found));
    return keys;
}

BasicUsers::BasicUsers(const std::vector<BasicUser>& users) {
    for (const BasicUser& user : users) {
        places_.emplace(user.name, hashes_.size());
        hashes_.push_back(user.hash);
    }
}

const std::string* BasicUsers::hash_of(std::string_view name) const noexcept {
    const auto place = places_.find(name);
    return place == places_.end() ? nullptr : &hashes_[place->second];
}

const std::string& BasicUsers::decoy_for(std::string_view name) const {
    return auth::decoy_hash(name, hashes_);
}

BearerTokens::BearerTokens(const std::vector<BearerToken>& tokens) {
    for (const BearerToken& token : tokens) {
        const auto digest = auth::TokenDigest::parse(token.sha256);
        PENSTOCK_ASSERT(digest.has_value());
        digests_.insert(*digest);
    }
}

const HttpTarget* AuthProvider::target() const noexcept {
    if (const auto* hook = std::get_if<HttpHook>(&method)) return &hook->target;
    if (const auto* jwt = std::get_if<JwtVerification>(&method))
        return jwt->remote == nullptr ? nullptr : &jwt->remote->target;
    return nullptr;
}

AuthProviderPtr compile(AuthCallback callback) {
    AuthProvider provider{.id = callback.id,
                          .serial = next_serial(),
                          .fingerprint = auth::TokenDigest::of("callback " + callback.id),
                          .forward_credentials = callback.forward_credentials,
                          .challenge = "WWW-Authenticate: " + callback.challenge + "\r\n",
                          .second_challenge = {},
                          .method = std::move(callback)};
    provider.second_challenge = provider.challenge;
    return std::make_shared<const AuthProvider>(std::move(provider));
}

AuthProviderPtr compile(const AuthProviderConfig& config) {
    AuthProvider provider{.id = config.id,
                          .serial = next_serial(),
                          .fingerprint = fingerprint_of(config),
                          .forward_credentials = config.forward_credentials,
                          .challenge = {},
                          .second_challenge = {},
                          .method = BearerTokens({})};
    std::visit([&](const auto& method) { provider.method = compile_method(method, provider); },
               config.method);
    return std::make_shared<const AuthProvider>(std::move(provider));
}

}  // namespace penstock::snapshot
