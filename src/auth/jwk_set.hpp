// JwkSet: the keys that tokens may be signed with, out of a JWK Set document (RFC 7517) or PEM.
//
// Immutable once it is read; may be used by many threads at once. Keys that are not for signatures
// (`use`, `key_ops`) are left out; `x5c` and `x5u` are not looked at.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/jwk.hpp"
#include "model/field_error.hpp"

namespace penstock::auth {

class JwkSet {
  public:
    static constexpr std::size_t most_keys = 128;
    /// Of a fetched document, in bytes.
    static constexpr std::size_t largest_document = std::size_t{256} << 10;

    JwkSet() = default;
    JwkSet(JwkSet&&) noexcept = default;
    JwkSet& operator=(JwkSet&&) noexcept = default;

    std::span<const Jwk> keys() const noexcept { return keys_; }
    bool empty() const noexcept { return keys_.empty(); }

    /// False, and nothing changes, where a key of this id and type is there already or the set is
    /// full.
    [[nodiscard]] bool add(Jwk key);

  private:
    std::vector<Jwk> keys_;
};

/// Whom to trust with what: secrets come from the configuration only, for what is fetched others
/// can fetch too; and a fetched set may hold kinds of keys that only others know.
enum class JwkSource : bool { configured, fetched };

/// What is wrong is added to `errors`, and such a key left out: a configuration is to be refused
/// then; of a fetched set the rest may be used, and the errors are for the log (RFC 7517 section
/// 5). A private key is such an error in both; a set without any key is one where it is configured:
/// whoever is asked for keys may have withdrawn them all. Text that is no JSON, or holds a key of
/// an object twice, gives an empty set and errors. Errors quote no key.
JwkSet parse_jwk_set(std::string_view text, JwkSource source, model::FieldErrors& errors);

/// The public keys of a PEM text, each "PUBLIC KEY" or "CERTIFICATE" (whose dates and issuer do not
/// count); they have no id.
JwkSet read_pem_keys(std::string_view pem, const std::string& pointer, model::FieldErrors& errors);

}  // namespace penstock::auth
