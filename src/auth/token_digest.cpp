#include "auth/token_digest.hpp"

#include <cstring>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace penstock::auth {

namespace {

constexpr std::string_view digits = "0123456789abcdef";

/// 0..15, or -1.
constexpr int digit_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

TokenDigest TokenDigest::of(std::string_view token) noexcept {
    TokenDigest digest;
    SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
           digest.bytes_.data());
    return digest;
}

std::optional<TokenDigest> TokenDigest::parse(std::string_view hex) noexcept {
    if (hex.size() != 2 * size) return {};
    TokenDigest digest;
    for (std::size_t i = 0; i < size; ++i) {
        const int high = digit_value(hex[2 * i]);
        const int low = digit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) return {};
        digest.bytes_[i] = static_cast<unsigned char>(high << 4 | low);
    }
    return digest;
}

std::string TokenDigest::hex() const {
    std::string text;
    text.reserve(2 * size);
    for (const unsigned char byte : bytes_) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

bool TokenDigest::operator==(const TokenDigest& other) const noexcept {
    return CRYPTO_memcmp(bytes_.data(), other.bytes_.data(), size) == 0;
}

std::size_t TokenDigestHash::operator()(const TokenDigest& digest) const noexcept {
    std::size_t first = 0;
    std::memcpy(&first, digest.bytes().data(), sizeof(first));
    return first;
}

}  // namespace penstock::auth
