// Jwk: one key that verifies signatures (RFC 7517), whichever form it came in.
//
// Immutable; may be used by many threads at once. A key knows its kind, and a kind its algorithms:
// a public key cannot be taken for the secret of an HMAC, whatever a token says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

#include "auth/jws_algorithm.hpp"
#include "net/tls/openssl_ptr.hpp"

namespace penstock::auth {

class Jwk {
  public:
    enum class Kind : std::uint8_t { oct, rsa, p256, p384, p521, ed25519, ed448 };

    static constexpr std::size_t shortest_secret = 32;  ///< bytes: HS256's hash (RFC 7518 3.2)
    static constexpr std::size_t longest_secret = 4096;
    static constexpr int fewest_rsa_bits = 2048;
    static constexpr int most_rsa_bits = 8192;  ///< larger ones take milliseconds a token

    /// The secret of an HMAC, its bytes as they are.
    static Result<Jwk> from_secret(std::string secret);
    /// `modulus`, `exponent`: big-endian (RFC 7518 section 6.3).
    static Result<Jwk> from_rsa(std::string_view modulus, std::string_view exponent);
    /// `kind`: one of the three curves. `x`, `y`: big-endian, of the curve's full size.
    static Result<Jwk> from_point(Kind kind, std::string_view x, std::string_view y);
    /// `kind`: ed25519 or ed448 (RFC 8032).
    static Result<Jwk> from_edwards(Kind kind, std::string_view bytes);
    /// Whatever kind it is.
    static Result<Jwk> from_public_key(net::tls::OpensslPtr<EVP_PKEY> key);

    Jwk(Jwk&&) noexcept = default;
    Jwk& operator=(Jwk&&) = delete;
    ~Jwk();

    Kind kind() const noexcept { return kind_; }
    /// "RSA", "EC", "OKP" or "oct".
    std::string_view type() const noexcept;
    const std::optional<std::string>& id() const noexcept { return id_; }
    void set_id(std::string id) { id_ = std::move(id); }

    /// Restricts the key to one of its algorithms (`alg`); false where it is none of them.
    [[nodiscard]] bool restrict_to(JwsAlgorithm algorithm) noexcept;
    /// By kind, by size, and by what it is restricted to.
    bool fits(JwsAlgorithm algorithm) const noexcept;

    /// Whether this key, or its owner's private one, made `signature` (as JWS has it: raw) of
    /// `signed_text`. False where the algorithm does not fit.
    bool verifies(JwsAlgorithm algorithm, std::string_view signed_text,
                  std::string_view signature) const;

  private:
    Jwk(Kind kind, net::tls::OpensslPtr<EVP_PKEY> key, std::string secret) noexcept
        : kind_(kind), key_(std::move(key)), secret_(std::move(secret)) {}

    Kind kind_;
    std::optional<JwsAlgorithm> only_;
    net::tls::OpensslPtr<EVP_PKEY> key_;  // null: oct
    std::string secret_;
    std::optional<std::string> id_;
};

}  // namespace penstock::auth
