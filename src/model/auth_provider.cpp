#include "model/auth_provider.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "model/field_names.hpp"
#include "model/findings.hpp"
#include "model/http_url.hpp"
#include "model/json_reader.hpp"
#include "model/jwks_text.hpp"
#include "model/range_check.hpp"
#include "model/units.hpp"
#include "model/uuid.hpp"

namespace penstock::model {

namespace {

using Names = std::unordered_set<std::string_view>;

void check_realm(const std::string& realm, Findings& findings) {
    if (realm.empty())
        findings.add("/realm", "must not be empty");
    else if (realm.size() > longest_realm)
        findings.add("/realm", fmt::format("longer than {} bytes", longest_realm));
    else if (has_controls(realm))
        findings.add("/realm", "control characters cannot stand here");
}

/// Whose hash or token it is; each once.
void check_name(const std::string& name, const std::string& at, Names& seen, Findings& findings) {
    const std::string pointer = at + "/name";
    if (name.empty())
        findings.add(pointer, "required");
    else if (name.size() > longest_user_name)
        findings.add(pointer, fmt::format("longer than {} bytes", longest_user_name));
    else if (has_controls(name))
        findings.add(pointer, "control characters cannot stand here");
    else if (!seen.insert(name).second)
        findings.conflict(pointer, fmt::format("\"{}\" stands here twice", name));
}

/// Says that there are too many; false where there are not.
bool are_too_many(std::size_t count, std::string_view at, Findings& findings) {
    if (count <= most_users) return false;
    findings.add(at, fmt::format("more than {}", most_users));
    return true;
}

void check_method(const std::monostate&, Findings& findings) {
    findings.add("/type", "required: what kind of provider it is");
}

void check_method(const BasicAuth& basic, Findings& findings) {
    check_realm(basic.realm, findings);
    if (are_too_many(basic.users.size(), "/users", findings)) return;
    Names seen;
    for (std::size_t i = 0; i < basic.users.size(); ++i) {
        const BasicUser& user = basic.users[i];
        const std::string at = child_pointer("/users", i);
        check_name(user.name, at, seen, findings);
        if (user.name.find(':') != std::string::npos)
            findings.add(at + "/name", "a colon ends the name (RFC 7617 section 2)");
        if (user.hash.empty())
            findings.add(at + "/hash", "required: the password's hash, as `htpasswd -B` makes it");
    }
}

/// token68 of RFC 9110 section 11.2: what a client can send.
bool is_bearer_token(std::string_view text) noexcept {
    const std::size_t padding = text.find('=');
    const std::string_view digits = text.substr(0, padding);
    const auto is_digit_of_it = [](char c) {
        const char lower = ascii_lower(c);
        return is_digit(c) || (lower >= 'a' && lower <= 'z') ||
               std::string_view("-._~+/").find(c) != std::string_view::npos;
    };
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), is_digit_of_it) &&
           text.find_first_not_of('=', digits.size()) == std::string_view::npos;
}

bool is_sha256(std::string_view text) noexcept {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
           });
}

void check_token(const BearerToken& token, const std::string& at, Findings& findings) {
    if (token.token && !token.sha256.empty())
        findings.add(at + "/sha256", "either this or token says what the token is");
    else if (token.token && !is_bearer_token(*token.token))
        findings.add(at + "/token", "letters, digits and -._~+/ alone (RFC 6750 section 2.1)");
    else if (!token.token && token.sha256.empty())
        findings.add(at + "/token", "required, or its sha256");
    else if (!token.token && !is_sha256(token.sha256))
        findings.add(at + "/sha256", "must be 64 hexadecimal digits");
}

void check_method(const BearerAuth& bearer, Findings& findings) {
    check_realm(bearer.realm, findings);
    if (are_too_many(bearer.tokens.size(), "/tokens", findings)) return;
    Names seen;
    for (std::size_t i = 0; i < bearer.tokens.size(); ++i) {
        const std::string at = child_pointer("/tokens", i);
        check_name(bearer.tokens[i].name, at, seen, findings);
        check_token(bearer.tokens[i], at, findings);
    }
}

void check_text(const std::optional<std::string>& text, std::string_view at, Findings& findings) {
    if (text && text->empty()) findings.add(at, "must not be empty");
}

/// And of an authority that is for nothing else.
void check_url(const std::optional<std::string>& text,
               const std::optional<std::string>& authorities, std::string_view at,
               Findings& findings) {
    const auto url = HttpUrl::parse(text.value_or("http://none"));
    if (!url)
        findings.add(at, url.error().message);
    else if (authorities && !url->is_secure)
        findings.add("/caCert", "is for https alone");
}

void check_method(const JwtAuth& jwt, Findings& findings) {
    check_realm(jwt.realm, findings);
    const int given =
        (jwt.jwks.empty() ? 0 : 1) + (jwt.public_keys ? 1 : 0) + (jwt.jwks_url ? 1 : 0);
    if (given == 0)
        findings.add("/jwks", "required, or publicKeys or jwksUrl: what tokens are signed with");
    if (given > 1)
        findings.add(jwt.jwks_url ? "/jwksUrl" : "/publicKeys", "jwks, publicKeys or jwksUrl: one");
    check_url(jwt.jwks_url, jwt.ca_cert, "/jwksUrl", findings);
    check_text(jwt.public_keys, "/publicKeys", findings);
    check_text(jwt.issuer, "/issuer", findings);
    if (jwt.audience.size() > most_audiences)
        findings.add("/audience", fmt::format("more than {}", most_audiences));
    for (std::size_t i = 0; i < jwt.audience.size() && i < most_audiences; ++i) {
        if (jwt.audience[i].empty())
            findings.add(child_pointer("/audience", i), "must not be empty");
    }
}

/// Field names that a hook is asked with, or answers with; each once.
void check_names(const std::vector<std::string>& names, std::string_view at, MessageKind kind,
                 Findings& findings) {
    if (names.size() > most_hook_fields)
        return findings.add(at, fmt::format("more than {}", most_hook_fields));
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string pointer = child_pointer(at, i);
        const std::string name = to_lower(names[i]);
        const auto why = why_reserved(name, kind, false);
        if (!is_token(name))
            findings.add(pointer, "must be the name of a field");
        else if (!why.empty())
            findings.add(pointer, std::string(why));
        else if (name == "host" || name.starts_with("x-forwarded-") || name == "x-real-ip" ||
                 name == "x-request-id")
            findings.add(pointer, "the proxy writes this field itself");
        else if (!seen.insert(name).second)
            findings.conflict(pointer, "stands here twice");
    }
}

void check_method(const HttpAuth& hook, Findings& findings) {
    if (hook.url.empty())
        findings.add("/url", "required: whom to ask");
    else
        check_url(hook.url, hook.ca_cert, "/url", findings);
    check_names(hook.headers, "/headers", MessageKind::request, findings);
    check_names(hook.copy_headers, "/copyHeaders", MessageKind::request, findings);
}

/// For each item without a secret, the one of the same name before: `give(item, same)`.
template <class Item, class Lacks, class Give>
void inherit_by_name(std::vector<Item>& items, const std::vector<Item>& before, Lacks lacks,
                     Give give) {
    std::unordered_map<std::string_view, const Item*> known;
    for (const Item& item : before) known.emplace(item.name, &item);
    for (Item& item : items) {
        const auto same = known.find(item.name);
        if (lacks(item) && same != known.end()) give(item, *same->second);
    }
}

void inherit(BasicAuth& basic, const BasicAuth& before) {
    inherit_by_name(
        basic.users, before.users, [](const BasicUser& user) { return user.hash.empty(); },
        [](BasicUser& user, const BasicUser& same) { user.hash = same.hash; });
}

void inherit(BearerAuth& bearer, const BearerAuth& before) {
    inherit_by_name(
        bearer.tokens, before.tokens,
        [](const BearerToken& token) { return !token.token && token.sha256.empty(); },
        [](BearerToken& token, const BearerToken& same) { token.sha256 = same.sha256; });
}

void inherit(JwtAuth& jwt, const JwtAuth& before) {
    if (!jwt.jwks.empty()) jwt.jwks = with_secrets_of(jwt.jwks, before.jwks);
}

void inherit(const HttpAuth&, const HttpAuth&) {}

void inherit(std::monostate, std::monostate) {}

}  // namespace

Drafted<AuthProviderConfig> draft_auth_provider(std::string_view json) {
    return draft_of<AuthProviderConfig>(json, read_auth_provider);
}

FieldErrors validate(const AuthProviderConfig& provider, std::string_view base) {
    Findings findings(base);
    check_id(provider.id, "/id", findings);
    std::visit([&](const auto& method) { check_method(method, findings); }, provider.method);
    RangeCheck ranges("", findings);
    visit_fields(provider, ranges);
    return findings.take();
}

void check_all(std::vector<AuthProviderConfig>& providers, std::string_view base,
               FieldErrors& errors) {
    std::unordered_map<std::string, std::size_t> ids;
    for (std::size_t i = 0; i < providers.size(); ++i) {
        AuthProviderConfig& provider = providers[i];
        const std::string at = child_pointer(base, i);
        add_new(errors, validate(provider, at));
        if (provider.id.empty()) provider.id = make_uuid();
        const auto [holder, fresh] = ids.emplace(provider.id, i);
        if (fresh) continue;
        errors.push_back(
            {at + "/id",
             fmt::format("\"{}\" is taken by {}", provider.id, child_pointer(base, holder->second)),
             FieldErrorKind::conflict});
    }
}

void inherit_secrets(AuthProviderConfig& provider, const AuthProviderConfig& before) {
    std::visit(
        [&](auto& method) {
            using Method = std::remove_cvref_t<decltype(method)>;
            if (const auto* same = std::get_if<Method>(&before.method)) inherit(method, *same);
        },
        provider.method);
}

}  // namespace penstock::model
