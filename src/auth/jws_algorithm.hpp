// The signature algorithms of JSON Web Tokens (RFC 7518 section 3.1, RFC 8037 section 3.1).
//
// Values, any thread. "none" is not among them, so that nothing can allow it by mistake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace penstock::auth {

enum class JwsAlgorithm : std::uint8_t {
    hs256,
    hs384,
    hs512,
    rs256,
    rs384,
    rs512,
    ps256,
    ps384,
    ps512,
    es256,
    es384,
    es512,
    eddsa,
};

/// "RS256" …, as RFC 7518 writes it, in its case; "Ed25519" and "Ed448" (RFC 9864) are EdDSA.
std::optional<JwsAlgorithm> algorithm_named(std::string_view name) noexcept;
std::string_view name_of(JwsAlgorithm algorithm) noexcept;

/// Bytes of the hash that HS…, RS…, PS… and ES… are made with; 0: EdDSA.
std::size_t hash_size_of(JwsAlgorithm algorithm) noexcept;

class JwsAlgorithms {
  public:
    constexpr JwsAlgorithms() = default;
    constexpr JwsAlgorithms(std::initializer_list<JwsAlgorithm> algorithms) {
        for (const JwsAlgorithm algorithm : algorithms) add(algorithm);
    }
    static constexpr JwsAlgorithms all() noexcept {
        JwsAlgorithms algorithms;
        algorithms.bits_ = (1u << (static_cast<unsigned>(JwsAlgorithm::eddsa) + 1)) - 1;
        return algorithms;
    }

    constexpr void add(JwsAlgorithm algorithm) noexcept { bits_ |= bit(algorithm); }
    constexpr bool has(JwsAlgorithm algorithm) const noexcept {
        return (bits_ & bit(algorithm)) != 0;
    }
    constexpr bool empty() const noexcept { return bits_ == 0; }

    bool operator==(const JwsAlgorithms&) const = default;

  private:
    static constexpr unsigned bit(JwsAlgorithm algorithm) noexcept {
        return 1u << static_cast<unsigned>(algorithm);
    }

    unsigned bits_ = 0;
};

}  // namespace penstock::auth
