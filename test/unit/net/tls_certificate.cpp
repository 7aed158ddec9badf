#include "certificate_maker.hpp"
#include "net/tls/certificate.hpp"

using namespace penstock::net::tls;

namespace {

using Kind = CertificateError::Kind;
using Form = MadeKey::Form;

std::string outcome(std::string_view chain, std::string_view key, std::string_view ocsp = {}) {
    const auto parsed = Certificate::parse(chain, key, std::time(nullptr), ocsp);
    if (parsed) return "accepted";
    CHECK(parsed.error().message.find("PRIVATE KEY") == std::string::npos);
    return std::string(name_of(parsed.error().kind));
}

/// A root, an issuer below it and a leaf.
struct Chain {
    MadeKey root_key = MadeKey::ec();
    MadeKey issuer_key = MadeKey::ec();
    MadeKey key = MadeKey::ec();
    MadeCertificate root = issue(root_key, {.common_name = "root", .names = "", .is_ca = true});
    MadeCertificate issuer =
        issue(issuer_key, {.common_name = "issuer", .names = "", .is_ca = true}, &root, &root_key);
    MadeCertificate leaf =
        issue(key, {.names = "DNS:A.example,DNS:*.b.example,IP:127.0.0.1"}, &issuer, &issuer_key);

    std::string ocsp(int status, std::time_t this_update, std::time_t next_update,
                     const MadeCertificate& of) const {
        const OpensslPtr<OCSP_BASICRESP> basic(OCSP_BASICRESP_new());
        const OpensslPtr<OCSP_CERTID> id(
            OCSP_cert_to_id(nullptr, of.x509.get(), issuer.x509.get()));
        const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> from(
            ASN1_TIME_set(nullptr, this_update), ASN1_TIME_free);
        const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> until(
            ASN1_TIME_set(nullptr, next_update), ASN1_TIME_free);
        OCSP_basic_add1_status(basic.get(), id.get(), status, 0, nullptr, from.get(), until.get());
        OCSP_basic_sign(basic.get(), issuer.x509.get(), issuer_key.key.get(), EVP_sha256(), nullptr,
                        0);
        const OpensslPtr<OCSP_RESPONSE> response(
            OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
        unsigned char* der = nullptr;
        const int size = i2d_OCSP_RESPONSE(response.get(), &der);
        std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
        OPENSSL_free(der);
        return bytes;
    }
};

}  // namespace

TEST_CASE("a good chain is accepted and described", "[net]") {
    const Chain made;
    const auto parsed = Certificate::parse(made.leaf.pem() + made.issuer.pem() + made.root.pem(),
                                           made.key.pem(), std::time(nullptr));
    REQUIRE(parsed.has_value());
    const Certificate& certificate = **parsed;
    CHECK(certificate.names() == std::vector<std::string>{"a.example", "*.b.example"});
    CHECK(certificate.key_kind() == Certificate::KeyKind::ecdsa);
    CHECK(certificate.key_bits() == 256);
    CHECK(certificate.issuer() == "CN=issuer");
    CHECK(sk_X509_num(certificate.chain()) == 2);
    CHECK(certificate.fingerprint().size() == 64);
    CHECK(certificate.id().size() == 32);
    CHECK(certificate.not_after() > std::time(nullptr));
    CHECK(certificate.covers("a.example"));
    CHECK(certificate.covers("x.b.example"));
    CHECK(certificate.covers("*.b.example"));  // as a pattern
    CHECK_FALSE(certificate.covers("b.example"));
    CHECK_FALSE(certificate.covers(".b.example"));
    CHECK_FALSE(certificate.covers("y.x.b.example"));
    CHECK_FALSE(certificate.covers("127.0.0.1"));
}

TEST_CASE("every form and kind of key is read", "[net]") {
    const auto rsa = MadeKey::rsa();
    const auto ec = MadeKey::ec("P-384");
    const auto ed = MadeKey::ed25519();
    CHECK(outcome(issue(rsa, {}).pem(), rsa.pem()) == "accepted");
    CHECK(outcome(issue(rsa, {}).pem(), rsa.pem(Form::traditional)) == "accepted");
    CHECK(outcome(issue(ec, {}).pem(), ec.pem()) == "accepted");
    CHECK(outcome(issue(ec, {}).pem(), ec.pem(Form::traditional)) == "accepted");
    CHECK(outcome(issue(ed, {}).pem(), ed.pem()) == "accepted");
}

TEST_CASE("each fault of a chain has its own kind", "[net]") {
    const Chain made;
    const std::string key = made.key.pem();
    const std::string leaf = made.leaf.pem();
    CHECK(outcome("", key) == "certificate-missing");
    CHECK(outcome("no PEM", key) == "certificate-missing");
    CHECK(outcome("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key) ==
          "certificate-malformed");
    CHECK(outcome(leaf.substr(0, leaf.size() / 2), key) == "certificate-malformed");
    CHECK(outcome(leaf + key, key) == "certificate-holds-key");
    CHECK(outcome(leaf + made.root.pem(), key) == "certificate-chain-out-of-order");
    CHECK(outcome(made.issuer.pem() + leaf, key) == "certificate-chain-out-of-order");
    const std::time_t now = std::time(nullptr);
    CHECK(outcome(issue(made.key, {.until = now - 60}).pem(), key) == "certificate-expired");
    CHECK(outcome(issue(made.key, {.from = now + 600}).pem(), key) == "certificate-not-yet-valid");
    CHECK(outcome(issue(made.key, {.names = ""}).pem(), key) == "certificate-without-names");
    CHECK(outcome(issue(made.key, {.names = "IP:127.0.0.1"}).pem(), key) ==
          "certificate-without-names");
    const auto weak = MadeKey::rsa(1'024);
    CHECK(outcome(issue(weak, {}).pem(), weak.pem()) == "certificate-too-weak");
    std::string many;
    for (int i = 0; i < 17; ++i) many += leaf;
    CHECK(outcome(many, key) == "certificate-malformed");
}

TEST_CASE("a chain whose signature is another's is out of order, be the names right", "[net]") {
    const Chain made;
    const auto impostor_key = MadeKey::ec();
    const auto impostor =
        issue(impostor_key, {.common_name = "issuer", .names = "", .is_ca = true});
    CHECK(outcome(made.leaf.pem() + impostor.pem(), made.key.pem()) ==
          "certificate-chain-out-of-order");
}

TEST_CASE("what has expired is taken where it was accepted once", "[net]") {
    const auto key = MadeKey::ec();
    const auto old = issue(key, {.until = std::time(nullptr) - 60}).pem();
    CHECK(Certificate::parse(old, key.pem(), Certificate::any_time).has_value());
}

TEST_CASE("each fault of a key has its own kind", "[net]") {
    const Chain made;
    const std::string leaf = made.leaf.pem();
    const std::string key = made.key.pem();
    CHECK(outcome(leaf, "") == "key-missing");
    CHECK(outcome(leaf, leaf) == "key-malformed");
    CHECK(outcome(leaf, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") ==
          "key-malformed");
    CHECK(outcome(leaf, made.key.pem(Form::encrypted)) == "key-encrypted");
    CHECK(outcome(leaf, key + key) == "several-keys");
    CHECK(outcome(leaf, MadeKey::ec().pem()) == "key-mismatch");
    CHECK(outcome(leaf, MadeKey::rsa().pem()) == "key-mismatch");
    CHECK(outcome(leaf, MadeKey::ec("secp256k1").pem()) == "key-unsupported");
    CHECK(Certificate::fault_of_key("")->kind == Kind::key_missing);
    CHECK_FALSE(Certificate::fault_of_key(key).has_value());
}

TEST_CASE("an OCSP response is the leaf's, good and current, or refused", "[net]") {
    const Chain made;
    const std::string chain = made.leaf.pem() + made.issuer.pem();
    const std::string key = made.key.pem();
    const std::time_t now = std::time(nullptr);
    const auto good = made.ocsp(V_OCSP_CERTSTATUS_GOOD, now - 60, now + 3'600, made.leaf);
    CHECK(outcome(chain, key, good) == "accepted");
    CHECK((*Certificate::parse(chain, key, now, good))->ocsp_response() == good);
    CHECK(outcome(chain, key, "junk") == "ocsp-malformed");
    CHECK(outcome(chain, key, good + "x") == "ocsp-malformed");
    CHECK(outcome(made.leaf.pem(), key, good) == "ocsp-foreign");
    const auto stale = made.ocsp(V_OCSP_CERTSTATUS_GOOD, now - 7'200, now - 3'600, made.leaf);
    CHECK(outcome(chain, key, stale) == "ocsp-not-current");
    const auto unknown = made.ocsp(V_OCSP_CERTSTATUS_UNKNOWN, now - 60, now + 3'600, made.leaf);
    CHECK(outcome(chain, key, unknown) == "ocsp-not-good");
    const auto other = made.ocsp(V_OCSP_CERTSTATUS_GOOD, now - 60, now + 3'600, made.issuer);
    CHECK(outcome(chain, key, other) == "ocsp-foreign");
}
