// OCSP responses (RFC 6960) that come with a certificate, to be stapled (RFC 6066 section 8).
//
// Pure function, any thread. A response that clients would reject is worse than none: it is refused
// beforehand.
#pragma once

#include <ctime>
#include <optional>
#include <string_view>

#include "net/tls/certificate.hpp"

namespace penstock::net::tls {

/// What speaks against stapling `der` to `leaf`; empty: nothing. `issuer` is null where the chain
/// does not have it. `now` may be Certificate::any_time.
std::optional<CertificateError> fault_of_ocsp(std::string_view der, X509* leaf, X509* issuer,
                                              std::time_t now);

}  // namespace penstock::net::tls
