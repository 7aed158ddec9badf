// What both sides of TLS agree to: versions, ciphers, groups.
//
// TLS 1.2 and 1.3 with Mozilla's "intermediate" choice of ciphers; no compression, no
// renegotiation. Any thread, while nobody else uses the context.
#pragma once

#include <openssl/types.h>

namespace penstock::net::tls {

/// Null, or the name of what this OpenSSL refuses. Leaves no errors behind where it is null.
const char* apply_choices(SSL_CTX* context) noexcept;

}  // namespace penstock::net::tls
