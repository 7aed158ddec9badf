#include "auth/jwk.hpp"

#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

namespace penstock::auth {

namespace {

using net::tls::OpensslPtr;

/// Whatever OpenSSL leaves in this thread's queue would be taken for a fault of a TLS connection.
struct QuietErrors {
    QuietErrors() = default;
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;
    ~QuietErrors() { ERR_clear_error(); }
};

Failure<Error> refuse(std::string message) {
    return Failure{Error{std::move(message)}};
}

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

struct Curve {
    const char* group;
    std::size_t field_size;  // of a coordinate, and of r and s
    JwsAlgorithm algorithm;
};

const Curve* curve_of(Jwk::Kind kind) noexcept {
    static constexpr Curve p256{"prime256v1", 32, JwsAlgorithm::es256};
    static constexpr Curve p384{"secp384r1", 48, JwsAlgorithm::es384};
    static constexpr Curve p521{"secp521r1", 66, JwsAlgorithm::es512};
    switch (kind) {
        case Jwk::Kind::p256:
            return &p256;
        case Jwk::Kind::p384:
            return &p384;
        case Jwk::Kind::p521:
            return &p521;
        default:
            return nullptr;
    }
}

const EVP_MD* digest_of(JwsAlgorithm algorithm) noexcept {
    switch (hash_size_of(algorithm)) {
        case 32:
            return EVP_sha256();
        case 48:
            return EVP_sha384();
        case 64:
            return EVP_sha512();
        default:
            return nullptr;  // EdDSA brings its own
    }
}

OpensslPtr<EVP_PKEY> key_from(const char* type, OSSL_PARAM_BLD* builder) {
    const OpensslPtr<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder));
    const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        EVP_PKEY_free(key);
        return nullptr;
    }
    return OpensslPtr<EVP_PKEY>(key);
}

std::optional<std::string> fault_of_rsa(const BIGNUM* modulus, const BIGNUM* exponent) {
    const int bits = BN_num_bits(modulus);
    if (bits < Jwk::fewest_rsa_bits) {
        return "an RSA key of " + std::to_string(bits) + " bits is too weak: RFC 7518 asks for " +
               std::to_string(Jwk::fewest_rsa_bits);
    }
    if (bits > Jwk::most_rsa_bits) {
        return "an RSA key of " + std::to_string(bits) + " bits takes too long to check: at most " +
               std::to_string(Jwk::most_rsa_bits);
    }
    if (!BN_is_odd(modulus)) return "an RSA modulus is an odd number";
    if (!BN_is_odd(exponent) || BN_num_bits(exponent) < 2 || BN_num_bits(exponent) > 32)
        return "an RSA exponent is an odd number from 3 to 4294967295";
    return {};
}

OpensslPtr<BIGNUM> number_in(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return nullptr;
    return OpensslPtr<BIGNUM>(number);
}

/// The DER that OpenSSL wants of r and s, one after the other; empty where their size is wrong.
std::string der_of(std::string_view raw, std::size_t field_size) {
    if (raw.size() != 2 * field_size) return {};
    const int size = static_cast<int>(field_size);
    OpensslPtr<BIGNUM> r(BN_bin2bn(bytes_of(raw), size, nullptr));
    OpensslPtr<BIGNUM> s(BN_bin2bn(bytes_of(raw) + field_size, size, nullptr));
    const OpensslPtr<ECDSA_SIG> signature(ECDSA_SIG_new());
    if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());  // the signature's now
    static_cast<void>(s.release());
    unsigned char* encoded = nullptr;
    const int length = i2d_ECDSA_SIG(signature.get(), &encoded);
    if (length <= 0) return {};
    std::string der(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(length));
    OPENSSL_free(encoded);
    return der;
}

bool is_pss(JwsAlgorithm algorithm) noexcept {
    return algorithm >= JwsAlgorithm::ps256 && algorithm <= JwsAlgorithm::ps512;
}

/// RFC 7518 section 3.5: the mask is made with the same hash, the salt is as long as it.
bool set_pss(EVP_PKEY_CTX* context) noexcept {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool verifies_asymmetric(EVP_PKEY* key, JwsAlgorithm algorithm, std::string_view text,
                         std::string_view signature) {
    const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* of_key = nullptr;  // the other context's
    if (!context ||
        EVP_DigestVerifyInit(context.get(), &of_key, digest_of(algorithm), nullptr, key) != 1)
        return false;
    if (is_pss(algorithm) && !set_pss(of_key)) return false;
    return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                            text.size()) == 1;
}

bool verifies_hmac(std::string_view secret, JwsAlgorithm algorithm, std::string_view text,
                   std::string_view signature) noexcept {
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const bool is_made = HMAC(digest_of(algorithm), secret.data(), static_cast<int>(secret.size()),
                              bytes_of(text), text.size(), made, &size) != nullptr;
    const bool is_same = is_made && signature.size() == size &&
                         CRYPTO_memcmp(made, signature.data(), signature.size()) == 0;
    OPENSSL_cleanse(made, sizeof(made));
    return is_same;
}

std::optional<Jwk::Kind> kind_of_curve(const EVP_PKEY* key) noexcept {
    char group[32];
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &size) != 1) return {};
    switch (OBJ_sn2nid(group)) {
        case NID_X9_62_prime256v1:
            return Jwk::Kind::p256;
        case NID_secp384r1:
            return Jwk::Kind::p384;
        case NID_secp521r1:
            return Jwk::Kind::p521;
        default:
            return {};
    }
}

std::optional<Jwk::Kind> kind_of(const EVP_PKEY* key) noexcept {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
            return Jwk::Kind::rsa;
        case EVP_PKEY_EC:
            return kind_of_curve(key);
        case EVP_PKEY_ED25519:
            return Jwk::Kind::ed25519;
        case EVP_PKEY_ED448:
            return Jwk::Kind::ed448;
        default:
            return {};
    }
}

}  // namespace

Jwk::~Jwk() {
    OPENSSL_cleanse(secret_.data(), secret_.size());
}

Result<Jwk> Jwk::from_secret(std::string secret) {
    const QuietErrors quiet;
    Jwk key(Kind::oct, nullptr, std::move(secret));
    if (key.secret_.size() < shortest_secret) {
        return refuse("a secret of " + std::to_string(key.secret_.size()) +
                      " bytes is too short: RFC 7518 asks for 32 with HS256, 48 with HS384 and 64 "
                      "with HS512");
    }
    if (key.secret_.size() > longest_secret)
        return refuse("a secret has at most " + std::to_string(longest_secret) + " bytes");
    // What everybody may know is no secret: tokens would be for anyone to make.
    if (key.secret_.starts_with("-----BEGIN")) return refuse("a PEM text is no secret");
    return key;
}

Result<Jwk> Jwk::from_rsa(std::string_view modulus, std::string_view exponent) {
    const QuietErrors quiet;
    if (modulus.size() > most_rsa_bits / 8 + 1 || exponent.size() > 16)
        return refuse("the RSA key is too large");
    const OpensslPtr<BIGNUM> n(
        BN_bin2bn(bytes_of(modulus), static_cast<int>(modulus.size()), nullptr));
    const OpensslPtr<BIGNUM> e(
        BN_bin2bn(bytes_of(exponent), static_cast<int>(exponent.size()), nullptr));
    if (!n || !e) return refuse("the RSA key cannot be read");
    if (auto fault = fault_of_rsa(n.get(), e.get())) return refuse(*std::move(fault));
    const OpensslPtr<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    OpensslPtr<EVP_PKEY> key;
    if (builder && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1)
        key = key_from("RSA", builder.get());
    if (key == nullptr) return refuse("the RSA key cannot be read");
    return Jwk(Kind::rsa, std::move(key), {});
}

Result<Jwk> Jwk::from_point(Kind kind, std::string_view x, std::string_view y) {
    const QuietErrors quiet;
    const Curve* curve = curve_of(kind);
    if (curve == nullptr) return refuse("not a curve that is known");
    if (x.size() != curve->field_size || y.size() != curve->field_size) {
        return refuse("this curve's coordinates have " + std::to_string(curve->field_size) +
                      " bytes, leading zeros included");
    }
    std::string point = "\x04";  // not compressed
    point.append(x).append(y);
    const OpensslPtr<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
    OpensslPtr<EVP_PKEY> key;
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group,
                                        0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1)
        key = key_from("EC", builder.get());
    const OpensslPtr<EVP_PKEY_CTX> check(
        key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
    if (!check || EVP_PKEY_public_check(check.get()) != 1)
        return refuse("the point is not on its curve");
    return Jwk(kind, std::move(key), {});
}

Result<Jwk> Jwk::from_edwards(Kind kind, std::string_view bytes) {
    const QuietErrors quiet;
    const std::size_t size = kind == Kind::ed448 ? 57 : 32;
    if (bytes.size() != size)
        return refuse("this curve's keys have " + std::to_string(size) + " bytes");
    OpensslPtr<EVP_PKEY> key(
        EVP_PKEY_new_raw_public_key(kind == Kind::ed448 ? EVP_PKEY_ED448 : EVP_PKEY_ED25519,
                                    nullptr, bytes_of(bytes), bytes.size()));
    if (key == nullptr) return refuse("the key cannot be read");
    return Jwk(kind, std::move(key), {});
}

Result<Jwk> Jwk::from_public_key(OpensslPtr<EVP_PKEY> key) {
    const QuietErrors quiet;
    const auto kind = key == nullptr ? std::nullopt : kind_of(key.get());
    if (!kind) return refuse("neither RSA, nor EC (P-256, P-384, P-521), nor Ed25519, nor Ed448");
    if (*kind == Kind::rsa) {
        const auto n = number_in(key.get(), OSSL_PKEY_PARAM_RSA_N);
        const auto e = number_in(key.get(), OSSL_PKEY_PARAM_RSA_E);
        if (!n || !e) return refuse("the RSA key cannot be read");
        if (auto fault = fault_of_rsa(n.get(), e.get())) return refuse(*std::move(fault));
    }
    return Jwk(*kind, std::move(key), {});
}

std::string_view Jwk::type() const noexcept {
    switch (kind_) {
        case Kind::oct:
            return "oct";
        case Kind::rsa:
            return "RSA";
        case Kind::ed25519:
        case Kind::ed448:
            return "OKP";
        default:
            return "EC";
    }
}

bool Jwk::restrict_to(JwsAlgorithm algorithm) noexcept {
    if (!fits(algorithm)) return false;
    only_ = algorithm;
    return true;
}

bool Jwk::fits(JwsAlgorithm algorithm) const noexcept {
    if (only_ && *only_ != algorithm) return false;
    switch (kind_) {
        case Kind::oct:
            return algorithm <= JwsAlgorithm::hs512 && secret_.size() >= hash_size_of(algorithm);
        case Kind::rsa:
            return algorithm >= JwsAlgorithm::rs256 && algorithm <= JwsAlgorithm::ps512;
        case Kind::ed25519:
        case Kind::ed448:
            return algorithm == JwsAlgorithm::eddsa;
        default:
            return algorithm == curve_of(kind_)->algorithm;
    }
}

bool Jwk::verifies(JwsAlgorithm algorithm, std::string_view signed_text,
                   std::string_view signature) const {
    const QuietErrors quiet;
    if (!fits(algorithm)) return false;
    if (kind_ == Kind::oct) return verifies_hmac(secret_, algorithm, signed_text, signature);
    const Curve* curve = curve_of(kind_);
    if (curve == nullptr) return verifies_asymmetric(key_.get(), algorithm, signed_text, signature);
    const std::string der = der_of(signature, curve->field_size);
    return !der.empty() && verifies_asymmetric(key_.get(), algorithm, signed_text, der);
}

}  // namespace penstock::auth
