// Auth providers: who may use the routes that name one, as plain values (SPEC section 8).
//
// Standard types only. Inert, as all of the configuration: the control thread validates them and
// compiles them into what the data path asks. What is write-only is in no answer of the API.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace penstock {

struct BasicUser {
    std::string name;  ///< UTF-8, no colon
    std::string hash;  ///< crypt(5) or argon2, as `htpasswd -B` makes them; write-only

    bool operator==(const BasicUser&) const = default;
};

/// User names and passwords (RFC 7617).
struct BasicAuth {
    std::string realm = "Restricted";  ///< what browsers show who asks
    std::vector<BasicUser> users;      ///< none: nobody gets in

    bool operator==(const BasicAuth&) const = default;
};

/// One of the two says what the token is.
struct BearerToken {
    std::string name;                  ///< of whoever has it: for people, never sent
    std::optional<std::string> token;  ///< itself; only its SHA-256 is kept
    std::string sha256;                ///< 64 hexadecimal digits; write-only

    bool operator==(const BearerToken&) const = default;
};

/// Opaque tokens (RFC 6750).
struct BearerAuth {
    std::string realm = "Restricted";
    std::vector<BearerToken> tokens;  ///< none: nobody gets in

    bool operator==(const BearerAuth&) const = default;
};

/// JSON Web Tokens (RFC 7519), signed by one of the keys.
struct JwtAuth {
    std::string realm = "Restricted";
    /// A JWK Set (RFC 7517), as JSON text; the `k` of symmetric keys is write-only.
    std::string jwks;
    std::optional<std::string> jwks_url;     ///< where to fetch one, instead
    std::optional<std::string> ca_cert;      ///< PEM, for jwksUrl with https; empty: the system's
    std::optional<std::string> public_keys;  ///< PEM: public keys and certificates
    std::optional<std::string> issuer;       ///< what `iss` must be
    std::vector<std::string> audience;    ///< one of them must stand in `aud`; empty: not looked at
    std::vector<std::string> algorithms;  ///< "RS256" …; empty: those that the keys are for
    std::chrono::milliseconds leeway{30'000};  ///< how far clocks may be apart

    bool operator==(const JwtAuth&) const = default;
};

/// Somebody else decides: each request is asked of a URL, before it goes on.
struct HttpAuth {
    std::string url;  ///< http:// or https://, with a path and a query where it has them
    /// Of the request, copied into what is asked. X-Forwarded-Method, -Uri, -Host, -Proto and -For
    /// are always there.
    std::vector<std::string> headers{"Authorization", "Cookie"};
    /// Of a 2xx answer, put onto the request; the client's own of these names never pass.
    std::vector<std::string> copy_headers;
    std::chrono::milliseconds timeout{2000};
    std::chrono::milliseconds cache_ttl{0};  ///< how long a 2xx is believed; 0: asked each time
    std::optional<std::string> ca_cert;      ///< PEM, for https; empty: the system's

    bool operator==(const HttpAuth&) const = default;
};

struct AuthProviderConfig {
    /// The first stands for a type that has not been given.
    using Method = std::variant<std::monostate, BasicAuth, BearerAuth, JwtAuth, HttpAuth>;

    std::string id;  ///< empty: a UUID is given
    Method method;
    bool forward_credentials = false;  ///< false: Authorization stops here

    bool operator==(const AuthProviderConfig&) const = default;
};

}  // namespace penstock
