#include "net/tls/ocsp.hpp"

#include <climits>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

namespace {

using Kind = CertificateError::Kind;

/// How far a responder's clock may be ahead of ours.
constexpr std::time_t clock_leeway = 300;

bool speaks_of(const OCSP_SINGLERESP* single, X509* leaf, X509* issuer) {
    auto* const named = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
    ASN1_OBJECT* algorithm = nullptr;
    if (OCSP_id_get0_info(nullptr, &algorithm, nullptr, nullptr, named) != 1) return false;
    const EVP_MD* digest = EVP_get_digestbyobj(algorithm);
    if (digest == nullptr) return false;
    const OpensslPtr<OCSP_CERTID> own(OCSP_cert_to_id(digest, leaf, issuer));
    return own != nullptr && OCSP_id_cmp(own.get(), named) == 0;
}

OCSP_SINGLERESP* find_single(OCSP_BASICRESP* basic, X509* leaf, X509* issuer) {
    for (int i = 0; i < OCSP_resp_count(basic); ++i) {
        OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
        if (speaks_of(single, leaf, issuer)) return single;
    }
    return nullptr;
}

/// Signed by the issuer, or by a responder whom it has entitled.
bool is_signed_for(OCSP_BASICRESP* basic, X509* issuer, std::time_t now) {
    const OpensslPtr<X509_STORE> trusted(X509_STORE_new());
    X509_STORE_add_cert(trusted.get(), issuer);
    X509_VERIFY_PARAM* rules = X509_STORE_get0_param(trusted.get());
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
    if (now == Certificate::any_time)
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
    else
        X509_VERIFY_PARAM_set_time(rules, now);
    const OpensslPtr<STACK_OF(X509)> signers(sk_X509_new_null());
    X509_up_ref(issuer);
    sk_X509_push(signers.get(), issuer);
    return OCSP_basic_verify(basic, signers.get(), trusted.get(), 0) == 1;
}

bool is_current(const ASN1_GENERALIZEDTIME* from, const ASN1_GENERALIZEDTIME* until,
                std::time_t now) {
    if (now == Certificate::any_time) return true;
    std::time_t earliest = now + clock_leeway;
    if (from == nullptr || X509_cmp_time(from, &earliest) >= 0) return false;
    return until == nullptr || X509_cmp_time(until, &now) > 0;
}

std::optional<CertificateError> find_fault(std::string_view der, X509* leaf, X509* issuer,
                                           std::time_t now) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = at + der.size();
    const OpensslPtr<OCSP_RESPONSE> response(
        der.size() > LONG_MAX ? nullptr
                              : d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    if (response == nullptr || at != end)
        return CertificateError{Kind::ocsp_malformed, "not an OCSP response in DER"};
    if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return CertificateError{Kind::ocsp_unsuccessful,
                                "the responder answered with an error instead of a status"};
    }
    const OpensslPtr<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
    if (basic == nullptr)
        return CertificateError{Kind::ocsp_malformed, "not a basic OCSP response"};
    if (issuer == nullptr) {
        return CertificateError{Kind::ocsp_foreign,
                                "cannot be checked: the chain does not hold the issuer"};
    }
    OCSP_SINGLERESP* const single = find_single(basic.get(), leaf, issuer);
    if (single == nullptr)
        return CertificateError{Kind::ocsp_foreign, "speaks of another certificate"};
    if (!is_signed_for(basic.get(), issuer, now)) {
        return CertificateError{Kind::ocsp_foreign,
                                "not signed by the certificate's issuer or for it"};
    }
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    const int status = OCSP_single_get0_status(single, nullptr, nullptr, &from, &until);
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        return CertificateError{Kind::ocsp_not_good, status == V_OCSP_CERTSTATUS_REVOKED
                                                         ? "says that the certificate is revoked"
                                                         : "says that it is not known"};
    }
    if (!is_current(from, until, now))
        return CertificateError{Kind::ocsp_not_current, "its time has passed, or not yet come"};
    return {};
}

}  // namespace

std::optional<CertificateError> fault_of_ocsp(std::string_view der, X509* leaf, X509* issuer,
                                              std::time_t now) {
    auto fault = find_fault(der, leaf, issuer, now);
    ERR_clear_error();
    return fault;
}

}  // namespace penstock::net::tls
