// Certificates and private keys out of PEM (RFC 7468), strictly.
//
// Pure functions, any thread. The bytes between the lines are cleansed after use, for they may be a
// key's; no error quotes any of the input.
#pragma once

#include <string_view>

#include <penstock/result.hpp>

#include "net/tls/certificate.hpp"
#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

/// More than any real chain has.
inline constexpr int longest_chain = 16;

/// All certificates in order, at least one and at most `most`; the chain is not checked yet.
Result<OpensslPtr<STACK_OF(X509)>, CertificateError> read_chain(std::string_view pem,
                                                                int most = longest_chain);

/// The one private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
Result<OpensslPtr<EVP_PKEY>, CertificateError> read_key(std::string_view pem);

/// Of a private key, or empty where TLS handshakes cannot sign with it.
std::optional<Certificate::KeyKind> kind_of(const EVP_PKEY* key) noexcept;

}  // namespace penstock::net::tls
