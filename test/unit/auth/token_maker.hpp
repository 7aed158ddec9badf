// Tokens for the tests: signed with HS256 by hand, so that any header and any claims can be.
#pragma once

#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/jwk_set.hpp"

namespace penstock::auth {

inline std::string encode_base64url(std::string_view bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    unsigned bits = 0;
    unsigned count = 0;
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        for (count += 8; count >= 6; count -= 6) text += digits[bits >> (count - 6) & 63];
    }
    if (count > 0) text += digits[bits << (6 - count) & 63];
    return text;
}

inline constexpr std::string_view test_secret = "32 bytes that only this test has";

/// `header` and `claims` are JSON, or what should be.
inline std::string make_token(std::string_view header, std::string_view claims,
                              std::string_view secret = test_secret) {
    std::string token = encode_base64url(header) + "." + encode_base64url(claims);
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(token.data()), token.size(), sum, &size);
    return token + "." + encode_base64url({reinterpret_cast<const char*>(sum), size});
}

/// The one secret.
inline JwkSet secret_set(std::string_view id = {}, std::string_view secret = test_secret) {
    JwkSet set;
    auto key = Jwk::from_secret(std::string(secret));
    if (!id.empty()) key->set_id(std::string(id));
    static_cast<void>(set.add(std::move(key).value()));
    return set;
}

}  // namespace penstock::auth
