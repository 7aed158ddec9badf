#include "auth/jwk_set.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <openssl/pem.h>

#include "jose_tokens.hpp"
#include "token_maker.hpp"

using namespace penstock;
using namespace penstock::auth;

namespace {

struct Reading {
    JwkSet set;
    model::FieldErrors errors;
};

Reading read(std::string_view json, JwkSource source = JwkSource::configured) {
    Reading reading;
    reading.set = parse_jwk_set(json, source, reading.errors);
    return reading;
}

Reading read_key(const std::string& members, JwkSource source = JwkSource::configured) {
    return read(R"({"keys":[{)" + members + "}]}", source);
}

const std::string ed25519 =
    R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
const std::string p256 =
    R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";

/// An RSA key with a modulus of so many bits, which need not be a product of primes to be read.
std::string rsa(int bits, std::string_view exponent = "AQAB") {
    std::string modulus(static_cast<std::size_t>(bits) / 8, '\xff');
    return R"("kty":"RSA","n":")" + encode_base64url(modulus) + R"(","e":")" +
           std::string(exponent) + "\"";
}

std::string secret(std::size_t size) {
    return R"("kty":"oct","k":")" + encode_base64url(std::string(size, 's')) + "\"";
}

std::string pem_of(const net::tls::OpensslPtr<EVP_PKEY>& key, bool is_private) {
    const net::tls::OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
    if (is_private)
        PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    else
        PEM_write_bio_PUBKEY(out.get(), key.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
}

net::tls::OpensslPtr<EVP_PKEY> new_ec_key(const char* curve = "P-256") {
    return net::tls::OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}

net::tls::OpensslPtr<EVP_PKEY> new_rsa_key(std::size_t bits) {
    return net::tls::OpensslPtr<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}

bool is_refused_at(const Reading& reading, std::string_view pointer, std::string_view words = "") {
    for (const auto& error : reading.errors) {
        if (error.pointer == pointer && error.detail.find(words) != std::string::npos)
            return reading.set.empty();
    }
    return false;
}

}  // namespace

TEST_CASE("a set of every kind of key is read", "[auth]") {
    const Reading reading = read(jose::key_set);
    CHECK(reading.errors.empty());
    REQUIRE(reading.set.keys().size() == 6);
    CHECK(reading.set.keys()[0].kind() == Jwk::Kind::oct);
    CHECK(reading.set.keys()[1].kind() == Jwk::Kind::rsa);
    CHECK(reading.set.keys()[1].type() == "RSA");
    CHECK(reading.set.keys()[2].kind() == Jwk::Kind::p256);
    CHECK(reading.set.keys()[3].kind() == Jwk::Kind::p384);
    CHECK(reading.set.keys()[4].kind() == Jwk::Kind::p521);
    CHECK(reading.set.keys()[4].id() == "es512");
    CHECK(reading.set.keys()[5].kind() == Jwk::Kind::ed25519);
}

TEST_CASE("a key may be for one algorithm, or for all of its kind", "[auth]") {
    const Reading all = read_key(rsa(2048));
    CHECK(all.set.keys()[0].fits(JwsAlgorithm::rs256));
    CHECK(all.set.keys()[0].fits(JwsAlgorithm::ps512));
    CHECK_FALSE(all.set.keys()[0].fits(JwsAlgorithm::hs256));
    const Reading one = read_key(rsa(2048) + R"(,"alg":"PS256")");
    CHECK(one.set.keys()[0].fits(JwsAlgorithm::ps256));
    CHECK_FALSE(one.set.keys()[0].fits(JwsAlgorithm::rs256));
    CHECK(is_refused_at(read_key(p256 + R"(,"alg":"RS256")"), "/keys/0/alg"));
    CHECK(is_refused_at(read_key(secret(32) + R"(,"alg":"HS512")"), "/keys/0/alg"));
    CHECK(is_refused_at(read_key(p256 + R"(,"alg":"none")"), "/keys/0/alg"));
}

TEST_CASE("keys for something else than signatures are left out", "[auth]") {
    const std::string other = GENERATE(as<std::string>{}, R"("use":"enc")",
                                       R"("key_ops":["encrypt"])", R"("key_ops":["sign"])",
                                       R"("key_ops":[])", R"("use":"sig","key_ops":["deriveKey"])");
    CAPTURE(other);
    const Reading reading = read("{\"keys\":[{" + p256 + "," + other + "},{" + ed25519 + "}]}");
    CHECK(reading.errors.empty());
    REQUIRE(reading.set.keys().size() == 1);
    CHECK(reading.set.keys()[0].kind() == Jwk::Kind::ed25519);
    CHECK(is_refused_at(read_key(secret(32) + "," + other), "/keys"));
}

TEST_CASE("keys that say they verify do", "[auth]") {
    CHECK(read_key(p256 + R"(,"use":"sig","key_ops":["sign","verify"])").set.keys().size() == 1);
    CHECK(read_key(secret(32) + R"(,"key_ops":["verify"])").set.keys().size() == 1);
}

TEST_CASE("private keys are refused, wherever they come from, and not quoted", "[auth]") {
    const JwkSource source = GENERATE(JwkSource::configured, JwkSource::fetched);
    const std::string d = R"(,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")";
    for (const std::string& key : {p256 + d, ed25519 + d, rsa(2048) + d}) {
        const Reading reading = read_key(key, source);
        CHECK(is_refused_at(reading, "/keys/0/d", "private key"));
        CHECK(reading.errors[0].detail.find("jpsQ") == std::string::npos);
    }
    CHECK(is_refused_at(read_key(rsa(2048) + R"(,"qi":"AQAB")", source), "/keys/0/qi"));
}

TEST_CASE("a secret that was fetched is none", "[auth]") {
    CHECK(is_refused_at(read_key(secret(64), JwkSource::fetched), "/keys/0/kty"));
    CHECK(read_key(secret(64)).set.keys().size() == 1);
}

TEST_CASE("kinds that are not known are an error in a configuration only", "[auth]") {
    const std::string unknown =
        GENERATE(as<std::string>{}, R"("kty":"AKP","alg":"ML-DSA-44","pub":"AQAB")",
                 R"("kty":"EC","crv":"secp256k1","x":"AQ","y":"AQ")",
                 R"("kty":"OKP","crv":"X25519","x":"AQ")", R"("kty":"oct2")",
                 R"("kty":"RSA","n":"AQ","e":"AQAB","use":"enc")");
    CAPTURE(unknown);
    const std::string both = "{\"keys\":[{" + unknown + "},{" + p256 + "}]}";
    const Reading fetched = read(both, JwkSource::fetched);
    CHECK(fetched.errors.empty());
    CHECK(fetched.set.keys().size() == 1);
    CHECK(read(both).errors.empty() == (unknown.find("enc") != std::string::npos));
}

TEST_CASE("what is wrong with a key is told, and where it stands", "[auth]") {
    CHECK(is_refused_at(read_key(R"("x":1)"), "/keys/0/kty", "missing"));
    CHECK(is_refused_at(read_key(R"("kty":1)"), "/keys/0/kty", "string"));
    CHECK(is_refused_at(read_key(rsa(1024)), "/keys/0/n", "1024 bits"));
    CHECK(is_refused_at(read_key(rsa(2040)), "/keys/0/n", "2040 bits"));
    CHECK(is_refused_at(read_key(rsa(8200)), "/keys/0/n", "too l"));
    CHECK(is_refused_at(read_key(rsa(2048, "AQ")), "/keys/0/n", "exponent"));    // 1
    CHECK(is_refused_at(read_key(rsa(2048, "Ag")), "/keys/0/n", "exponent"));    // 2
    CHECK(is_refused_at(read_key(rsa(2048, "AQAA")), "/keys/0/n", "exponent"));  // 65536
    CHECK(is_refused_at(read_key(rsa(2048, "AQAAAAE")), "/keys/0/n", "exponent"));
    CHECK(is_refused_at(read_key(rsa(2048, "")), "/keys/0/n", "exponent"));
    CHECK(is_refused_at(read_key(rsa(2048, "AQAB==")), "/keys/0/e", "base64url"));
    CHECK(is_refused_at(read_key(R"("kty":"RSA","e":"AQAB")"), "/keys/0/n", "missing"));
    CHECK(is_refused_at(read_key(R"("kty":"EC","x":"AQ","y":"AQ")"), "/keys/0/crv", "missing"));
    CHECK(is_refused_at(read_key(R"("kty":"EC","crv":"P-256","x":"AQ","y":"AQ")"), "/keys/0/x",
                        "32 bytes"));
    CHECK(is_refused_at(read_key(R"("kty":"OKP","crv":"Ed25519","x":"AQ")"), "/keys/0/x",
                        "32 bytes"));
    CHECK(is_refused_at(read_key(secret(31)), "/keys/0/k", "31 bytes"));
    CHECK(is_refused_at(read_key(secret(5000)), "/keys/0/k"));
    CHECK(is_refused_at(read_key(p256 + R"(,"use":1)"), "/keys/0/use", "string"));
    CHECK(is_refused_at(read_key(p256 + R"(,"key_ops":"verify")"), "/keys/0/key_ops", "array"));
    CHECK(is_refused_at(read_key(p256 + R"(,"kid":1)"), "/keys/0/kid", "string"));
    CHECK(is_refused_at(read_key(p256 + R"(,"kid":"a","kid":"b")"), "/keys/0/kid"));
}

TEST_CASE("a point that is not on its curve is refused", "[auth]") {
    std::string other = p256;
    other.replace(other.find("x_FE"), 4, "y_FE");
    CHECK(is_refused_at(read_key(other), "/keys/0/x", "curve"));
    const std::string zero = encode_base64url(std::string(32, '\0'));
    CHECK(is_refused_at(
        read_key(R"("kty":"EC","crv":"P-256","x":")" + zero + R"(","y":")" + zero + "\""),
        "/keys/0/x", "curve"));
}

TEST_CASE("two keys of one id and type cannot be told apart", "[auth]") {
    const std::string id = R"(,"kid":"a")";
    const Reading same = read("{\"keys\":[{" + p256 + id + "},{" + p256 + id + "}]}");
    REQUIRE(same.errors.size() == 1);
    CHECK(same.errors[0].pointer == "/keys/1/kid");
    CHECK(same.set.keys().size() == 1);
    CHECK(read("{\"keys\":[{" + p256 + id + "},{" + ed25519 + id + "}]}").errors.empty());
    CHECK(read("{\"keys\":[{" + p256 + "},{" + p256 + "}]}").errors.empty());
}

TEST_CASE("what is no key set is refused", "[auth]") {
    const std::string bad =
        GENERATE(as<std::string>{}, "", "[]", "{}", "null", R"({"keys":{}})", R"({"keys":[1]})",
                 R"({"keys":[null]})", R"({"keys":[],"keys":[]})", "<html>");
    CAPTURE(bad);
    const Reading reading = read(bad, JwkSource::fetched);
    CHECK_FALSE(reading.errors.empty());
    CHECK(reading.set.empty());
}

TEST_CASE("a set without keys is one that was withdrawn where it is fetched", "[auth]") {
    const std::string none = R"({"keys":[]})";
    CHECK(read(none, JwkSource::fetched).errors.empty());
    CHECK(is_refused_at(read(none), "/keys"));
}

TEST_CASE("sets are bounded", "[auth]") {
    std::string many = R"({"keys":[)";
    for (std::size_t i = 0; i <= JwkSet::most_keys; ++i)
        many += (i == 0 ? "{" : ",{") + ed25519 + "}";
    const Reading reading = read(many + "]}");
    CHECK(reading.set.keys().size() == JwkSet::most_keys);
    CHECK(reading.errors.size() == 1);
    CHECK(read(std::string(JwkSet::largest_document + 1, ' ')).errors.size() == 1);
}

TEST_CASE("public keys are read from PEM", "[auth]") {
    model::FieldErrors errors;
    const std::string pem = pem_of(new_ec_key(), false) + pem_of(new_rsa_key(2048), false);
    const JwkSet set = read_pem_keys(pem, "/publicKey", errors);
    CHECK(errors.empty());
    REQUIRE(set.keys().size() == 2);
    CHECK(set.keys()[0].fits(JwsAlgorithm::es256));
    CHECK(set.keys()[1].fits(JwsAlgorithm::ps384));
    CHECK_FALSE(set.keys()[0].id());
}

TEST_CASE("other PEM than of good public keys is refused", "[auth]") {
    const std::string good = pem_of(new_ec_key(), false);
    for (const std::string& bad :
         {std::string(), std::string("no PEM"), pem_of(new_ec_key(), true),
          good + pem_of(new_ec_key(), true), pem_of(new_rsa_key(1024), false),
          pem_of(new_ec_key("secp256k1"), false), good.substr(0, good.size() / 2),
          std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")}) {
        CAPTURE(bad);
        model::FieldErrors errors;
        CHECK(read_pem_keys(bad, "/publicKey", errors).empty());
        REQUIRE(errors.size() == 1);
        CHECK(errors[0].pointer == "/publicKey");
    }
}
