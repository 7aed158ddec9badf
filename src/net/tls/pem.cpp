#include "net/tls/pem.hpp"

#include <climits>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace penstock::net::tls {

namespace {

using Kind = CertificateError::Kind;

Failure<CertificateError> refuse(Kind kind, std::string message) {
    return Failure{CertificateError{kind, std::move(message)}};
}

/// What stands between one BEGIN and END.
class Section {
  public:
    Section() = default;
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { clear(); }

    /// Takes the next of `pem`; false where there is none.
    bool read(BIO* pem) {
        clear();
        return PEM_read_bio(pem, &name_, &header_, &data_, &size_) == 1;
    }
    std::string_view name() const noexcept { return name_; }
    std::string_view header() const noexcept { return header_; }
    const unsigned char* data() const noexcept { return data_; }
    long size() const noexcept { return size_; }

  private:
    void clear() {
        OPENSSL_free(std::exchange(name_, nullptr));
        OPENSSL_free(std::exchange(header_, nullptr));
        OPENSSL_clear_free(std::exchange(data_, nullptr), static_cast<std::size_t>(size_));
        size_ = 0;
    }

    char* name_ = nullptr;
    char* header_ = nullptr;
    unsigned char* data_ = nullptr;
    long size_ = 0;
};

/// Whether what ended the reading was the end of the text.
bool at_end() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

OpensslPtr<BIO> reader_of(std::string_view pem) {
    if (pem.size() > INT_MAX) pem = {};
    return OpensslPtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

OpensslPtr<X509> certificate_of(const Section& section) {
    const unsigned char* at = section.data();
    OpensslPtr<X509> certificate(d2i_X509(nullptr, &at, section.size()));
    ERR_clear_error();
    if (at != section.data() + section.size()) return nullptr;
    return certificate;
}

OpensslPtr<EVP_PKEY> key_of(const Section& section) {
    const unsigned char* at = section.data();
    OpensslPtr<EVP_PKEY> key;
    if (section.name() == PEM_STRING_RSA)
        key.reset(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &at, section.size()));
    else if (section.name() == PEM_STRING_ECPRIVATEKEY)
        key.reset(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &at, section.size()));
    else
        key.reset(d2i_AutoPrivateKey(nullptr, &at, section.size()));
    ERR_clear_error();
    if (at != section.data() + section.size()) return nullptr;
    return key;
}

bool is_encrypted(const Section& section) {
    return section.name() == PEM_STRING_PKCS8 ||
           section.header().find("ENCRYPTED") != std::string_view::npos;
}

}  // namespace

Result<OpensslPtr<STACK_OF(X509)>, CertificateError> read_chain(std::string_view pem, int most) {
    const auto reader = reader_of(pem);
    OpensslPtr<STACK_OF(X509)> chain(sk_X509_new_null());
    Section section;
    while (section.read(reader.get())) {
        if (section.name().ends_with("PRIVATE KEY"))
            return refuse(Kind::chain_holds_key, "a private key stands among the certificates");
        if (section.name() != PEM_STRING_X509 && section.name() != PEM_STRING_X509_OLD)
            return refuse(Kind::chain_malformed, "something else than certificates stands here");
        if (sk_X509_num(chain.get()) == most) {
            return refuse(Kind::chain_malformed,
                          "more than " + std::to_string(most) + " certificates");
        }
        auto certificate = certificate_of(section);
        if (certificate == nullptr) {
            return refuse(Kind::chain_malformed, "certificate " +
                                                     std::to_string(sk_X509_num(chain.get()) + 1) +
                                                     " cannot be parsed: it is no X.509");
        }
        sk_X509_push(chain.get(), certificate.release());
    }
    if (!at_end()) return refuse(Kind::chain_malformed, "malformed PEM");
    if (sk_X509_num(chain.get()) == 0)
        return refuse(Kind::chain_empty, "no PEM certificate stands here");
    return chain;
}

Result<OpensslPtr<EVP_PKEY>, CertificateError> read_key(std::string_view pem) {
    const auto reader = reader_of(pem);
    OpensslPtr<EVP_PKEY> key;
    Section section;
    while (section.read(reader.get())) {
        if (section.name() == PEM_STRING_ECPARAMETERS) continue;  // `openssl ecparam` writes them
        if (is_encrypted(section)) {
            return refuse(Kind::key_encrypted,
                          "the private key is encrypted: give it without a passphrase");
        }
        if (!section.name().ends_with("PRIVATE KEY"))
            return refuse(Kind::key_malformed, "something else than a private key stands here");
        if (key != nullptr) return refuse(Kind::several_keys, "more than one private key");
        if (section.name() != PEM_STRING_PKCS8INF && section.name() != PEM_STRING_RSA &&
            section.name() != PEM_STRING_ECPRIVATEKEY) {
            return refuse(Kind::key_unsupported,
                          "not a form that is known: PKCS #8, PKCS #1 (RSA) and SEC 1 (EC) are");
        }
        key = key_of(section);
        if (key == nullptr) return refuse(Kind::key_malformed, "the private key cannot be parsed");
    }
    if (!at_end()) return refuse(Kind::key_malformed, "malformed PEM");
    if (key == nullptr) return refuse(Kind::key_missing, "no PEM private key stands here");
    if (!kind_of(key.get())) {
        return refuse(Kind::key_unsupported,
                      "neither RSA, nor ECDSA (P-256, P-384, P-521), nor EdDSA");
    }
    return key;
}

std::optional<Certificate::KeyKind> kind_of(const EVP_PKEY* key) noexcept {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
            return Certificate::KeyKind::rsa;
        case EVP_PKEY_ED25519:
        case EVP_PKEY_ED448:
            return Certificate::KeyKind::ed25519;
        case EVP_PKEY_EC: {
            char group[32];
            std::size_t size = 0;
            if (EVP_PKEY_get_group_name(key, group, sizeof(group), &size) != 1) return {};
            const int curve = OBJ_sn2nid(group);
            const bool is_signed_with =
                curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1;
            if (!is_signed_with) return {};
            return Certificate::KeyKind::ecdsa;
        }
        default:
            return {};
    }
}

}  // namespace penstock::net::tls
