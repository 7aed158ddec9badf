// Certificates made as a test asks for them, by OpenSSL.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>
#include <openssl/pem.h>

#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

struct MadeKey {
    OpensslPtr<EVP_PKEY> key;

    static MadeKey ec(const char* curve = "P-256") {
        return {OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve))};
    }
    static MadeKey rsa(std::size_t bits = 2'048) {
        return {OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits))};
    }
    static MadeKey ed25519() {
        return {OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
    }

    enum class Form { pkcs8, traditional, encrypted };
    std::string pem(Form form = Form::pkcs8) const {
        const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
        if (form == Form::traditional) {
            PEM_write_bio_PrivateKey_traditional(out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                                 nullptr);
        } else {
            const EVP_CIPHER* cipher = form == Form::encrypted ? EVP_aes_128_cbc() : nullptr;
            PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), cipher, "secret", 6, nullptr,
                                          nullptr);
        }
        return text_of(out.get());
    }
    static std::string text_of(BIO* out) {
        char* text = nullptr;
        const long size = BIO_get_mem_data(out, &text);
        return {text, static_cast<std::size_t>(size)};
    }
};

struct CertificateWish {
    std::string common_name = "test";
    std::string names = "DNS:a.example";  // subjectAltName; empty: no such extension
    bool is_ca = false;
    std::time_t from = std::time(nullptr) - 3'600;
    std::time_t until = std::time(nullptr) + 86'400;
};

struct MadeCertificate {
    OpensslPtr<X509> x509;

    std::string pem() const {
        const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(out.get(), x509.get());
        return MadeKey::text_of(out.get());
    }
};

inline void add_extension(X509* to, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    REQUIRE(extension != nullptr);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
}

/// Of `key`, issued by `issuer` with its key; by itself where there is none.
inline MadeCertificate issue(const MadeKey& key, const CertificateWish& wish,
                             const MadeCertificate* issuer = nullptr,
                             const MadeKey* issuer_key = nullptr) {
    static long serial = 0x1000;
    MadeCertificate made{OpensslPtr<X509>(X509_new())};
    X509* x509 = made.x509.get();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(x509), wish.from);
    ASN1_TIME_set(X509_getm_notAfter(x509), wish.until);
    X509_set_pubkey(x509, key.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(x509,
                         X509_get_subject_name(issuer == nullptr ? x509 : issuer->x509.get()));
    add_extension(x509, NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!wish.names.empty()) add_extension(x509, NID_subject_alt_name, wish.names);
    const MadeKey& signer = issuer_key == nullptr ? key : *issuer_key;
    const bool own_digest = EVP_PKEY_get_base_id(signer.key.get()) == EVP_PKEY_ED25519;
    REQUIRE(X509_sign(x509, signer.key.get(), own_digest ? nullptr : EVP_sha256()) > 0);
    return made;
}

}  // namespace penstock::net::tls
