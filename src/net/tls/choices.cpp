#include "net/tls/choices.hpp"

#include <algorithm>
#include <array>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace penstock::net::tls {

namespace {

/// Mozilla's "intermediate" list, of TLS 1.2; those of 1.3 are OpenSSL's own three.
constexpr const char* ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/// The first where this OpenSSL has it: 3.5 and later.
constexpr std::array groups{"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

}  // namespace

const char* apply_choices(SSL_CTX* context) noexcept {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1) return "ciphers";
    const auto has_groups = [&](const char* list) {
        return SSL_CTX_set1_groups_list(context, list) == 1;
    };
    if (std::none_of(groups.begin(), groups.end(), has_groups)) return "groups";
    ERR_clear_error();  // of groups that this OpenSSL does not know
    return nullptr;
}

}  // namespace penstock::net::tls
