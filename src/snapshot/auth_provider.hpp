// AuthProvider: an auth provider compiled for the data path: what a guard asks (proxy/guard).
//
// Immutable. Made by the control thread, shared by every version of every route that names it, read
// on any thread; lives as long as anyone holds it, checks under way included.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <penstock/auth_callback.hpp>
#include <penstock/auth_provider.hpp>

#include "auth/jwk_set.hpp"
#include "auth/jwt.hpp"
#include "auth/live_keys.hpp"
#include "auth/token_digest.hpp"
#include "base/clock.hpp"
#include "snapshot/field_edits.hpp"
#include "snapshot/http_target.hpp"

namespace penstock::snapshot {

/// Of a `basic` provider.
class BasicUsers {
  public:
    explicit BasicUsers(const std::vector<BasicUser>& users);

    /// Null where nobody has that name.
    const std::string* hash_of(std::string_view name) const noexcept;
    /// What is checked instead where nobody has that name, so that it takes as long.
    const std::string& decoy_for(std::string_view name) const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept {
            return std::hash<std::string_view>()(name);
        }
    };

    std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places_;  // in hashes_
    std::vector<std::string> hashes_;
};

/// Of a `bearer` provider.
class BearerTokens {
  public:
    /// Each has its SHA-256.
    explicit BearerTokens(const std::vector<BearerToken>& tokens);

    bool contain(const auth::TokenDigest& digest) const noexcept {
        return digests_.contains(digest);
    }

  private:
    std::unordered_set<auth::TokenDigest, auth::TokenDigestHash> digests_;
};

inline constexpr std::size_t jwt_faults =
    static_cast<std::size_t>(auth::JwtFault::audience_wrong) + 1;

/// Keys of a `jwt` provider that are fetched: the control thread's to fetch, any thread's to use.
struct RemoteKeys {
    HttpTarget target;
    std::string source;  // where from, and who vouches for that: the same keys where it is the same
    auth::LiveKeys keys;
};

/// Of a `jwt` provider.
struct JwtVerification {
    auth::JwkSet keys;
    std::shared_ptr<RemoteKeys> remote;  // null: `keys` are all there are
    auth::JwtRules rules;
    /// The challenge to whoever has shown a token with that fault.
    std::array<std::string, jwt_faults> challenges;
};

/// Of an `http` provider.
struct HttpHook {
    HttpTarget target;
    std::vector<std::string> headers;       // of the request, that it is asked with
    std::vector<std::string> copy_headers;  // of its answer, for the backend
    FieldEdits taken;                       // `copy_headers`, as what a client may not send
    Duration timeout{};
    Duration cache_ttl{};
};

struct AuthProvider {
    using Method = std::variant<BasicUsers, BearerTokens, JwtVerification, HttpHook, AuthCallback>;

    std::string id;
    /// No other that this process has made has it: what was found out under one is not good for
    /// another.
    std::uint64_t serial = 0;
    /// Of all of its configuration, secrets included: the same after a restart.
    auth::TokenDigest fingerprint;
    bool forward_credentials = false;  // false: Authorization ends here
    /// A whole "WWW-Authenticate: … CRLF": to who has shown nothing, and to who has shown something
    /// that is not good.
    std::string challenge;
    std::string second_challenge;
    Method method;

    /// Whom it asks over HTTP; null where it asks nobody.
    const HttpTarget* target() const noexcept;
};

using AuthProviderPtr = std::shared_ptr<const AuthProvider>;

/// The keys that its tokens may be signed with; what is wrong with them is added to `errors`.
auth::JwkSet keys_of(const JwtAuth& jwt, model::FieldErrors& errors);

/// `config` has passed control::check_auth_provider().
AuthProviderPtr compile(const AuthProviderConfig& config);
/// It has an id, a function, and a challenge that is a field value.
AuthProviderPtr compile(AuthCallback callback);

}  // namespace penstock::snapshot
