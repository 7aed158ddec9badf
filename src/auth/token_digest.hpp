// TokenDigest: an opaque token as it is kept, its SHA-256.
//
// A value, any thread. Tokens are long and random, so that one round of a fast hash is enough:
// nobody guesses what it was made of. Whoever reads the configuration learns no token.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::auth {

class TokenDigest {
  public:
    static constexpr std::size_t size = 32;

    /// Of the token's bytes as they are.
    static TokenDigest of(std::string_view token) noexcept;

    /// 64 hexadecimal digits of either case; empty where it is anything else.
    static std::optional<TokenDigest> parse(std::string_view hex) noexcept;

    /// 64 digits, lower case.
    std::string hex() const;

    const std::array<unsigned char, size>& bytes() const noexcept { return bytes_; }

    /// Takes the same time wherever they differ.
    bool operator==(const TokenDigest& other) const noexcept;

  private:
    std::array<unsigned char, size> bytes_{};
};

/// For hash tables. What a look-up's time tells of a digest is not what its token is made of.
struct TokenDigestHash {
    std::size_t operator()(const TokenDigest& digest) const noexcept;
};

}  // namespace penstock::auth
