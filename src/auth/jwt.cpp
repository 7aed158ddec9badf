#include "auth/jwt.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <simdjson.h>

#include "base/base64.hpp"
#include "base/bytes.hpp"
#include "model/json_document.hpp"

namespace penstock::auth {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;

/// Keys without a `kid` to choose by are tried one after the other: so many at most.
constexpr std::size_t most_tried = 16;

/// The end of the year 9999: later moments are milliseconds taken for seconds, or worse.
constexpr double last_moment = 253'402'300'799.0;

struct Parts {
    std::string_view signed_text;  // header and payload, with the dot between them
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
};

Result<Parts, JwtFault> split(std::string_view token) {
    if (token.size() > longest_jwt) return Failure{JwtFault::too_long};
    const auto dots = std::count(token.begin(), token.end(), '.');
    if (dots == 4) return Failure{JwtFault::encrypted};
    if (dots != 2) return Failure{JwtFault::malformed};
    const std::size_t first = token.find('.');
    const std::size_t second = token.rfind('.');
    return Parts{token.substr(0, second), token.substr(0, first),
                 token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

/// A part's JSON object, kept alive with its document.
struct Members {
    model::JsonDocument document;
    object members;

    bool has(std::string_view name) const { return get(name).has_value(); }
    std::optional<element> get(std::string_view name) const {
        element value;
        if (members.at_key(name).get(value) != SUCCESS) return {};
        return value;
    }
};

std::optional<Members> members_of(std::string_view encoded) {
    const auto text = decode_base64url(encoded);
    if (!text) return {};
    auto document = model::JsonDocument::parse(*text);
    if (!document || document->has_duplicate_keys()) return {};
    object members;
    if (document->root().get(members) != SUCCESS) return {};
    return Members{std::move(document).value(), members};
}

std::optional<std::string_view> text_in(element value) {
    std::string_view text;
    if (value.get(text) != SUCCESS) return {};
    return text;
}

/// RFC 8725 section 3.11: what is signed with the same keys for another purpose (a logout token, a
/// DPoP proof) is no access token.
bool is_token_type(std::string_view type) noexcept {
    constexpr std::string_view prefix = "application/";
    if (equals_ignoring_case(type.substr(0, prefix.size()), prefix))
        type.remove_prefix(prefix.size());
    return equals_lower(type, "jwt") || equals_lower(type, "at+jwt") || equals_lower(type, "jose");
}

struct Header {
    JwsAlgorithm algorithm;
    std::optional<std::string> key_id;
};

Result<Header, JwtFault> read_header(std::string_view encoded, const JwtRules& rules) {
    const auto header = members_of(encoded);
    if (!header) return Failure{JwtFault::malformed};
    if (header->has("enc")) return Failure{JwtFault::encrypted};
    // What must be understood (RFC 7515 section 4.1.11), or changes what was signed: none of it is.
    for (const std::string_view name : {"crit", "b64", "zip"}) {
        if (header->has(name)) return Failure{JwtFault::header_refused};
    }
    if (const auto type = header->get("typ")) {
        const auto text = text_in(*type);
        if (!text) return Failure{JwtFault::malformed};
        if (!is_token_type(*text)) return Failure{JwtFault::header_refused};
    }
    const auto named = header->get("alg");
    const auto name = named ? text_in(*named) : std::nullopt;
    if (!name) return Failure{JwtFault::malformed};
    const auto algorithm = algorithm_named(*name);
    if (!algorithm || !rules.algorithms.has(*algorithm))
        return Failure{JwtFault::algorithm_refused};
    Header read{*algorithm, {}};
    if (const auto id = header->get("kid")) {
        const auto text = text_in(*id);
        if (!text) return Failure{JwtFault::malformed};
        read.key_id = *text;
    }
    return read;
}

bool has_id(const JwkSet& keys, const std::string& id) {
    return std::any_of(keys.keys().begin(), keys.keys().end(),
                       [&id](const Jwk& key) { return key.id() == id; });
}

/// Empty: one of the keys made the signature.
std::optional<JwtFault> fault_of_signature(const Parts& parts, const Header& header,
                                           const JwkSet& keys) {
    const auto signature = decode_base64url(parts.signature);
    if (!signature) return JwtFault::malformed;
    // `kid` is a hint (RFC 7515 section 4.1.4): where no key has that id, those without any may be
    // meant.
    const bool id_known = !header.key_id || has_id(keys, *header.key_id);
    const std::optional<std::string> id = id_known ? header.key_id : std::nullopt;
    std::size_t tried = 0;
    for (const Jwk& key : keys.keys()) {
        if (header.key_id && key.id() != id) continue;
        if (!key.fits(header.algorithm)) continue;
        if (key.verifies(header.algorithm, parts.signed_text, *signature)) return {};
        if (++tried == most_tried) break;
    }
    if (!id_known) return JwtFault::key_unknown;
    return tried == 0 ? JwtFault::no_key_fits : JwtFault::signature_wrong;
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction: seconds, or a fault.
Result<std::optional<double>, JwtFault> moment_in(const Members& claims, std::string_view name) {
    const auto value = claims.get(name);
    if (!value) return std::optional<double>();
    double seconds = 0;
    if (value->get(seconds) != SUCCESS || !(seconds >= 0 && seconds <= last_moment))
        return Failure{JwtFault::claims_malformed};
    return std::optional<double>(seconds);
}

std::optional<JwtFault> check_times(const Members& claims, const JwtRules& rules, std::int64_t now,
                                    JwtClaims& read) {
    const auto expires = moment_in(claims, "exp");
    const auto not_before = moment_in(claims, "nbf");
    const auto issued = moment_in(claims, "iat");
    if (!expires || !not_before || !issued) return JwtFault::claims_malformed;
    const auto at = static_cast<double>(now);
    const auto leeway = static_cast<double>(rules.leeway.count());
    if (expires->has_value()) {
        const double end = **expires + leeway;
        if (at >= end) return JwtFault::expired;
        read.good_until = static_cast<std::int64_t>(std::ceil(end));
    } else if (rules.expiry_required) {
        return JwtFault::no_expiry;
    }
    if (not_before->has_value() && at + leeway < **not_before) return JwtFault::not_yet_valid;
    // Not asked for by RFC 7519; but who signs for tomorrow has a wrong clock, or means to outlive
    // a key that is withdrawn today.
    if (issued->has_value() && at + leeway < **issued) return JwtFault::issued_in_future;
    return {};
}

/// A string, or an array of strings (RFC 7519 section 4.1.3).
std::optional<JwtFault> check_audience(const Members& claims, const JwtRules& rules) {
    const auto value = claims.get("aud");
    const auto is_meant = [&rules](std::string_view name) {
        return std::find(rules.audiences.begin(), rules.audiences.end(), name) !=
               rules.audiences.end();
    };
    bool is_ours = rules.audiences.empty();
    simdjson::dom::array several;
    if (value && value->get(several) == SUCCESS) {
        for (const element each : several) {
            const auto name = text_in(each);
            if (!name) return JwtFault::claims_malformed;
            is_ours |= is_meant(*name);
        }
    } else if (value) {
        const auto name = text_in(*value);
        if (!name) return JwtFault::claims_malformed;
        is_ours |= is_meant(*name);
    }
    if (!is_ours) return JwtFault::audience_wrong;
    return {};
}

std::optional<JwtFault> check_names(const Members& claims, const JwtRules& rules, JwtClaims& read) {
    const auto issuer = claims.get("iss");
    const auto issuer_name = issuer ? text_in(*issuer) : std::nullopt;
    if (issuer && !issuer_name) return JwtFault::claims_malformed;
    if (rules.issuer && issuer_name != std::string_view(*rules.issuer))
        return JwtFault::issuer_wrong;
    if (const auto subject = claims.get("sub")) {
        const auto name = text_in(*subject);
        if (!name) return JwtFault::claims_malformed;
        read.subject = *name;
    }
    return check_audience(claims, rules);
}

}  // namespace

Result<JwtClaims, JwtFault> verify_jwt(std::string_view token, const JwkSet& keys,
                                       const JwtRules& rules, std::int64_t now) {
    const auto parts = split(token);
    if (!parts) return Failure{parts.error()};
    const auto header = read_header(parts->header, rules);
    if (!header) return Failure{header.error()};
    if (const auto fault = fault_of_signature(*parts, *header, keys)) return Failure{*fault};
    const auto claims = members_of(parts->payload);
    if (!claims) return Failure{JwtFault::malformed};
    JwtClaims read;
    if (const auto fault = check_times(*claims, rules, now, read)) return Failure{*fault};
    if (const auto fault = check_names(*claims, rules, read)) return Failure{*fault};
    return read;
}

std::string_view text_of(JwtFault fault) noexcept {
    switch (fault) {
        case JwtFault::too_long:
            return "the token is too long";
        case JwtFault::malformed:
            return "the token is malformed";
        case JwtFault::encrypted:
            return "encrypted tokens are not taken";
        case JwtFault::header_refused:
            return "the token has a header that is not taken";
        case JwtFault::algorithm_refused:
            return "the token is signed with an algorithm that is not allowed";
        case JwtFault::key_unknown:
            return "the token is signed with an unknown key";
        case JwtFault::no_key_fits:
            return "no key is for the algorithm of the token";
        case JwtFault::signature_wrong:
            return "the signature of the token is wrong";
        case JwtFault::claims_malformed:
            return "a claim of the token is malformed";
        case JwtFault::expired:
            return "the token has expired";
        case JwtFault::no_expiry:
            return "the token has no expiry";
        case JwtFault::not_yet_valid:
            return "the token is not valid yet";
        case JwtFault::issued_in_future:
            return "the token was issued in the future";
        case JwtFault::issuer_wrong:
            return "the token is from another issuer";
        case JwtFault::audience_wrong:
            return "the token is for another audience";
    }
    return "the token is refused";
}

}  // namespace penstock::auth
