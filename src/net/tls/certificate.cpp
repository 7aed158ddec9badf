#include "net/tls/certificate.hpp"

#include <algorithm>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.hpp"
#include "net/tls/ocsp.hpp"
#include "net/tls/pem.hpp"

namespace penstock::net::tls {

namespace {

using Kind = CertificateError::Kind;
using Fault = std::optional<CertificateError>;

std::string place_of(int index) {
    return index == 0 ? "the certificate" : "certificate " + std::to_string(index + 1);
}

std::time_t time_of(const ASN1_TIME* time) {
    std::tm parts{};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

std::string date_of(const ASN1_TIME* time) {
    const std::time_t seconds = time_of(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Fault fault_of_order(STACK_OF(X509) * chain) {
    for (int i = 0; i + 1 < sk_X509_num(chain); ++i) {
        X509* const subject = sk_X509_value(chain, i);
        X509* const issuer = sk_X509_value(chain, i + 1);
        EVP_PKEY* const issuer_key = X509_get0_pubkey(issuer);
        if (issuer_key != nullptr && X509_check_issued(issuer, subject) == X509_V_OK &&
            X509_check_ca(issuer) >= 1 && X509_verify(subject, issuer_key) == 1) {
            continue;
        }
        return CertificateError{Kind::chain_out_of_order,
                                place_of(i) + " was not issued by the one after it: give the " +
                                    "server's own first, then each one's issuer"};
    }
    return {};
}

Fault fault_of_time(STACK_OF(X509) * chain, std::time_t now) {
    if (now == Certificate::any_time) return {};
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        const ASN1_TIME* from = X509_get0_notBefore(sk_X509_value(chain, i));
        const ASN1_TIME* until = X509_get0_notAfter(sk_X509_value(chain, i));
        const int began = X509_cmp_time(from, &now);
        const int ends = X509_cmp_time(until, &now);
        if (began == 0 || ends == 0) {
            return CertificateError{Kind::chain_malformed,
                                    "the dates of " + place_of(i) + " cannot be read"};
        }
        if (began > 0) {
            return CertificateError{Kind::not_yet_valid,
                                    place_of(i) + " is not valid before " + date_of(from)};
        }
        if (ends < 0) {
            return CertificateError{Kind::expired, place_of(i) + " expired at " + date_of(until)};
        }
    }
    return {};
}

/// Proved by a signature: a key file may hold the right public half beside a broken private one,
/// which would show in handshakes only.
bool fits(EVP_PKEY* key, EVP_PKEY* certified) {
    if (certified == nullptr || EVP_PKEY_eq(key, certified) != 1) return false;
    constexpr unsigned char trial[] = "penstock";
    const bool own_digest = kind_of(key) == Certificate::KeyKind::ed25519;  // part of EdDSA
    const EVP_MD* digest = own_digest ? nullptr : EVP_sha256();
    const OpensslPtr<EVP_MD_CTX> signing(EVP_MD_CTX_new());
    const OpensslPtr<EVP_MD_CTX> verifying(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (EVP_DigestSignInit(signing.get(), nullptr, digest, nullptr, key) != 1 ||
        EVP_DigestSign(signing.get(), nullptr, &size, trial, sizeof(trial)) != 1) {
        return false;
    }
    std::vector<unsigned char> signature(size);
    return EVP_DigestSign(signing.get(), signature.data(), &size, trial, sizeof(trial)) == 1 &&
           EVP_DigestVerifyInit(verifying.get(), nullptr, digest, nullptr, certified) == 1 &&
           EVP_DigestVerify(verifying.get(), signature.data(), size, trial, sizeof(trial)) == 1;
}

/// Asks OpenSSL as a handshake would.
Fault fault_of_strength(X509* leaf, STACK_OF(X509) * chain, EVP_PKEY* key) {
    const OpensslPtr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
    if (context != nullptr && SSL_CTX_use_cert_and_key(context.get(), leaf, key, chain, 1) == 1)
        return {};
    const unsigned long error = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(error);
    return CertificateError{Kind::weak, std::string("OpenSSL refuses to serve with it: ") +
                                            (reason == nullptr ? "unknown reason" : reason)};
}

bool is_dns_name(std::string_view name) {
    return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_' || c == '*';
    });
}

/// Of the subject alternative names alone: no client looks at the common name any more (RFC 9525
/// section 2).
std::vector<std::string> dns_names_of(const X509* leaf) {
    std::vector<std::string> names;
    const OpensslPtr<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
        int type = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &type);
        if (type != GEN_DNS) continue;
        const auto* text = static_cast<const ASN1_IA5STRING*>(value);
        std::string name = to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                     static_cast<std::size_t>(ASN1_STRING_length(text))});
        const bool is_known = std::find(names.begin(), names.end(), name) != names.end();
        if (is_dns_name(name) && !is_known) names.push_back(std::move(name));
    }
    return names;
}

std::string issuer_of(const X509* leaf) {
    const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), X509_get_issuer_name(leaf), 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string serial_of(const X509* leaf) {
    const OpensslPtr<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), nullptr));
    char* digits = number == nullptr ? nullptr : BN_bn2hex(number.get());
    std::string serial = digits == nullptr ? "" : digits;
    OPENSSL_free(digits);
    return serial;
}

std::string hexadecimal(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 0xf];
    }
    return text;
}

/// Without the first certificate.
OpensslPtr<X509> take_leaf(STACK_OF(X509) * chain) {
    return OpensslPtr<X509>(sk_X509_shift(chain));
}

bool is_self_issued(X509* certificate) {
    return X509_check_issued(certificate, certificate) == X509_V_OK;
}

}  // namespace

CertificateError::Part CertificateError::part() const noexcept {
    if (kind >= Kind::ocsp_malformed) return Part::ocsp;
    return kind >= Kind::key_malformed ? Part::key : Part::chain;
}

std::string_view name_of(CertificateError::Kind kind) noexcept {
    switch (kind) {
        case Kind::chain_malformed:
            return "certificate-malformed";
        case Kind::chain_empty:
            return "certificate-missing";
        case Kind::chain_holds_key:
            return "certificate-holds-key";
        case Kind::chain_out_of_order:
            return "certificate-chain-out-of-order";
        case Kind::expired:
            return "certificate-expired";
        case Kind::not_yet_valid:
            return "certificate-not-yet-valid";
        case Kind::no_names:
            return "certificate-without-names";
        case Kind::weak:
            return "certificate-too-weak";
        case Kind::key_malformed:
            return "key-malformed";
        case Kind::key_missing:
            return "key-missing";
        case Kind::key_encrypted:
            return "key-encrypted";
        case Kind::several_keys:
            return "several-keys";
        case Kind::key_unsupported:
            return "key-unsupported";
        case Kind::key_mismatch:
            return "key-mismatch";
        case Kind::ocsp_malformed:
            return "ocsp-malformed";
        case Kind::ocsp_unsuccessful:
            return "ocsp-unsuccessful";
        case Kind::ocsp_foreign:
            return "ocsp-foreign";
        case Kind::ocsp_not_good:
            return "ocsp-not-good";
        case Kind::ocsp_not_current:
            return "ocsp-not-current";
    }
    return "certificate-refused";
}

Certificate::Parsed Certificate::parse(std::string_view chain_pem, std::string_view key_pem,
                                       std::time_t now, std::string_view ocsp_der) {
    ERR_clear_error();
    auto chain = read_chain(chain_pem);
    if (!chain) return Failure{chain.error()};
    auto key = read_key(key_pem);
    if (!key) return Failure{key.error()};

    const std::shared_ptr<Certificate> made(new Certificate());
    Fault fault = fault_of_order(chain->get());
    if (!fault) fault = fault_of_time(chain->get(), now);
    made->chain_ = std::move(*chain);
    made->leaf_ = take_leaf(made->chain_.get());
    made->key_ = std::move(*key);
    X509* const leaf = made->leaf();
    if (!fault && !fits(made->key(), X509_get0_pubkey(leaf)))
        fault = {Kind::key_mismatch, "not the key of this certificate"};
    if (!fault) fault = fault_of_strength(leaf, made->chain(), made->key());
    made->names_ = dns_names_of(leaf);
    if (!fault && made->names_.empty()) {
        fault = {Kind::no_names,
                 "has no DNS name among its subject alternative names; clients ignore the common "
                 "name"};
    }
    if (!fault && !ocsp_der.empty()) {
        X509* issuer = sk_X509_value(made->chain(), 0);
        if (issuer == nullptr && is_self_issued(leaf)) issuer = leaf;
        fault = fault_of_ocsp(ocsp_der, leaf, issuer, now);
    }
    ERR_clear_error();
    if (fault) return Failure{std::move(*fault)};
    made->ocsp_response_ = ocsp_der;
    made->describe();
    return std::shared_ptr<const Certificate>(made);
}

void Certificate::describe() {
    key_kind_ = *kind_of(key());
    key_bits_ = EVP_PKEY_get_bits(key());
    issuer_ = issuer_of(leaf());
    serial_ = serial_of(leaf());
    not_before_ = time_of(X509_get0_notBefore(leaf()));
    not_after_ = time_of(X509_get0_notAfter(leaf()));
    unsigned size = 0;
    X509_digest(leaf(), EVP_sha256(), reinterpret_cast<unsigned char*>(id_.data()), &size);
    fingerprint_ = hexadecimal(id());
}

std::optional<CertificateError> Certificate::fault_of_key(std::string_view key_pem) {
    const auto key = read_key(key_pem);
    if (key) return {};
    return key.error();
}

bool Certificate::covers(std::string_view host) const noexcept {
    const std::size_t dot = host.find('.');
    const bool has_label = dot != std::string_view::npos && dot > 0;
    const std::string_view parent = has_label ? host.substr(dot) : std::string_view();
    return std::any_of(names_.begin(), names_.end(), [&](const std::string& name) {
        if (name == host) return true;
        return has_label && name.starts_with("*.") && std::string_view(name).substr(1) == parent;
    });
}

}  // namespace penstock::net::tls
