// JSON Web Tokens (RFC 7519), verified: the signature (JWS compact serialisation, RFC 7515), then
// the claims, after RFC 8725.
//
// Pure function, any thread; a signature takes from some 10 µs (HS256) to a few 100 µs (ES512).
// What the token says of its own keys (`jwk`, `jku`, `x5c`, `x5u`) is not looked at.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "auth/jwk_set.hpp"
#include "auth/jws_algorithm.hpp"

namespace penstock::auth {

/// Longer than the fields of most requests may be.
inline constexpr std::size_t longest_jwt = std::size_t{16} << 10;

struct JwtRules {
    JwsAlgorithms algorithms = JwsAlgorithms::all();
    std::optional<std::string> issuer;   ///< `iss` is to be this, exactly
    std::vector<std::string> audiences;  ///< one of them is to stand in `aud`; empty: not looked at
    std::chrono::seconds leeway{60};     ///< how wrong clocks may be: on `exp`, `nbf` and `iat`
    bool expiry_required = true;         ///< a token without `exp` is refused
};

enum class JwtFault : std::uint8_t {
    too_long,
    malformed,          ///< not three parts of base64url with JSON objects, or a member twice
    encrypted,          ///< JWE
    header_refused,     ///< `crit`, `b64`, `zip`, or a `typ` of something else than a token
    algorithm_refused,  ///< unknown, "none", or not allowed by the rules
    key_unknown,        ///< no key of this `kid`: there may be a newer set
    no_key_fits,        ///< no key is for this algorithm
    signature_wrong,
    claims_malformed,  ///< a claim of a wrong type or out of any range
    expired,
    no_expiry,
    not_yet_valid,     ///< `nbf`
    issued_in_future,  ///< `iat` is beyond the leeway
    issuer_wrong,
    audience_wrong,
};

/// For the log and for RFC 6750's `error_description`: a constant, without quotes or backslashes.
std::string_view text_of(JwtFault fault) noexcept;

/// What is left of a token that was found good.
struct JwtClaims {
    std::optional<std::string> subject;  ///< `sub`
    /// The first second (Unix time) at which it is good no more, the leeway included: what holds
    /// for whoever remembers that it was good. Empty: it does not expire.
    std::optional<std::int64_t> good_until;
};

/// `now`: Unix time in seconds.
Result<JwtClaims, JwtFault> verify_jwt(std::string_view token, const JwkSet& keys,
                                       const JwtRules& rules, std::int64_t now);

}  // namespace penstock::auth
