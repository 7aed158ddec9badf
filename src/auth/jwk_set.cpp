#include "auth/jwk_set.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <simdjson.h>

#include "base/base64.hpp"
#include "model/json_document.hpp"
#include "model/json_reader.hpp"

namespace penstock::auth {

namespace {

using model::FieldErrors;
using net::tls::OpensslPtr;
using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;

/// Members of a private key (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
constexpr std::string_view private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};

/// Reads one key. The first thing that is wrong with it is told, and it is left out.
class JwkReader {
  public:
    JwkReader(object members, std::string pointer, JwkSource source, FieldErrors& errors)
        : members_(members), pointer_(std::move(pointer)), source_(source), errors_(errors) {}

    std::optional<Jwk> read() {
        const auto type = text("kty");
        if (!type) return missing("kty");
        if (*type == "oct") return finished(read_secret());
        if (*type != "RSA" && *type != "EC" && *type != "OKP") return unknown("kty");
        for (const std::string_view name : private_members) {
            if (has(name)) {
                return refused(name,
                               "a private key: give its public part only, and make another, for "
                               "whoever read this can sign tokens");
            }
        }
        if (is_for_something_else() || failed_) return {};
        if (*type == "RSA") return finished(read_rsa());
        return finished(*type == "EC" ? read_point() : read_edwards());
    }

  private:
    std::nullopt_t refused(std::string_view name, std::string detail) {
        if (!failed_) errors_.push_back({model::child_pointer(pointer_, name), std::move(detail)});
        failed_ = true;
        return std::nullopt;
    }
    std::nullopt_t missing(std::string_view name) { return refused(name, "is missing"); }

    /// What may be new to us is no fault of a set that was fetched.
    std::nullopt_t unknown(std::string_view name) {
        if (source_ == JwkSource::fetched) return std::nullopt;
        return refused(name, "is not known here");
    }

    bool has(std::string_view name) const {
        element value;
        return members_.at_key(name).get(value) == SUCCESS;
    }

    /// Empty where the member is missing; where it is no string, that is told.
    std::optional<std::string_view> text(std::string_view name) {
        element value;
        if (members_.at_key(name).get(value) != SUCCESS) return {};
        std::string_view read;
        if (value.get(read) == SUCCESS) return read;
        return refused(name, fmt::format("must be a string, not {}", model::kind_of(value)));
    }

    std::optional<std::string> bytes(std::string_view name) {
        const auto encoded = text(name);
        if (!encoded) return missing(name);
        auto decoded = decode_base64url(*encoded);
        if (!decoded) return refused(name, "is not base64url without padding");
        return decoded;
    }

    /// `use` and `key_ops` (RFC 7517 sections 4.2 and 4.3) say what else than verifying.
    bool is_for_something_else() {
        const auto use = text("use");
        if (use && *use != "sig") return true;
        element value;
        if (members_.at_key("key_ops").get(value) != SUCCESS) return false;
        simdjson::dom::array operations;
        if (value.get(operations) != SUCCESS) {
            refused("key_ops", fmt::format("must be an array, not {}", model::kind_of(value)));
            return true;
        }
        for (const element operation : operations) {
            std::string_view name;
            if (operation.get(name) == SUCCESS && name == "verify") return false;
        }
        return true;
    }

    std::optional<Jwk> made(std::string_view about, Result<Jwk> key) {
        if (!key) return refused(about, key.error().message);
        return std::move(key).value();
    }

    std::optional<Jwk> read_secret() {
        if (source_ == JwkSource::fetched)
            return refused("kty", "a secret that can be fetched is none");
        if (is_for_something_else() || failed_) return {};
        auto secret = bytes("k");
        if (!secret) return {};
        return made("k", Jwk::from_secret(*std::move(secret)));
    }

    std::optional<Jwk> read_rsa() {
        const auto modulus = bytes("n");
        const auto exponent = bytes("e");
        if (!modulus || !exponent) return {};
        return made("n", Jwk::from_rsa(*modulus, *exponent));
    }

    std::optional<Jwk> read_point() {
        const auto curve = text("crv");
        if (!curve) return missing("crv");
        Jwk::Kind kind{};
        if (*curve == "P-256")
            kind = Jwk::Kind::p256;
        else if (*curve == "P-384")
            kind = Jwk::Kind::p384;
        else if (*curve == "P-521")
            kind = Jwk::Kind::p521;
        else
            return unknown("crv");
        const auto x = bytes("x");
        const auto y = bytes("y");
        if (!x || !y) return {};
        return made("x", Jwk::from_point(kind, *x, *y));
    }

    std::optional<Jwk> read_edwards() {
        const auto curve = text("crv");
        if (!curve) return missing("crv");
        if (*curve != "Ed25519" && *curve != "Ed448") return unknown("crv");
        const auto x = bytes("x");
        if (!x) return {};
        return made(
            "x", Jwk::from_edwards(*curve == "Ed448" ? Jwk::Kind::ed448 : Jwk::Kind::ed25519, *x));
    }

    /// With `alg` and `kid`.
    std::optional<Jwk> finished(std::optional<Jwk> key) {
        if (!key) return {};
        if (const auto name = text("alg")) {
            const auto algorithm = algorithm_named(*name);
            if (!algorithm) return unknown("alg");
            if (!key->restrict_to(*algorithm))
                return refused("alg", "is not an algorithm for this key");
        }
        if (const auto id = text("kid")) key->set_id(std::string(*id));
        if (failed_) return {};
        return key;
    }

    object members_;
    std::string pointer_;
    JwkSource source_;
    FieldErrors& errors_;
    bool failed_ = false;
};

/// The next PEM section, its bytes cleansed afterwards: they may be a private key's.
struct PemSection {
    PemSection() = default;
    PemSection(const PemSection&) = delete;
    PemSection& operator=(const PemSection&) = delete;
    ~PemSection() {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, static_cast<std::size_t>(size));
    }

    bool read(BIO* pem) noexcept { return PEM_read_bio(pem, &name, &header, &data, &size) == 1; }

    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
};

OpensslPtr<EVP_PKEY> public_key_of(const PemSection& section) {
    const unsigned char* at = section.data;
    const std::string_view name = section.name;
    if (name == PEM_STRING_PUBLIC)
        return OpensslPtr<EVP_PKEY>(d2i_PUBKEY(nullptr, &at, section.size));
    const OpensslPtr<X509> certificate(
        name == PEM_STRING_X509 ? d2i_X509(nullptr, &at, section.size) : nullptr);
    return OpensslPtr<EVP_PKEY>(certificate ? X509_get_pubkey(certificate.get()) : nullptr);
}

/// Of a document without duplicate keys.
JwkSet read_keys(element value, JwkSource source, FieldErrors& errors) {
    JwkSet set;
    object members;
    if (value.get(members) != SUCCESS) {
        errors.push_back({"", fmt::format("must be an object, not {}", model::kind_of(value))});
        return set;
    }
    const std::string keys_at = "/keys";
    simdjson::dom::array keys;
    if (members.at_key("keys").get(keys) != SUCCESS) {
        errors.push_back({keys_at, "must be an array of keys"});
        return set;
    }
    const std::size_t errors_before = errors.size();
    std::size_t index = 0;
    for (const element each : keys) {
        const std::string at = model::child_pointer(keys_at, index++);
        object key_members;
        if (index > JwkSet::most_keys) {
            errors.push_back({keys_at, fmt::format("more than {} keys", JwkSet::most_keys)});
            break;
        }
        if (each.get(key_members) != SUCCESS) {
            errors.push_back({at, fmt::format("must be an object, not {}", model::kind_of(each))});
            continue;
        }
        auto key = JwkReader(key_members, at, source, errors).read();
        if (key && !set.add(*std::move(key)))
            errors.push_back({model::child_pointer(at, "kid"), "another key has this id and type"});
    }
    if (set.empty() && errors.size() == errors_before && source == JwkSource::configured)
        errors.push_back({keys_at, "no key here verifies signatures"});
    return set;
}

}  // namespace

bool JwkSet::add(Jwk key) {
    const auto is_same = [&key](const Jwk& other) {
        return key.id() && other.id() == key.id() && other.type() == key.type();
    };
    if (keys_.size() == most_keys || std::any_of(keys_.begin(), keys_.end(), is_same)) return false;
    keys_.push_back(std::move(key));
    return true;
}

JwkSet parse_jwk_set(std::string_view text, JwkSource source, FieldErrors& errors) {
    if (text.size() > JwkSet::largest_document) {
        errors.push_back({"", "larger than a key set may be"});
        return {};
    }
    const auto document = model::JsonDocument::parse(text);
    if (!document) {
        errors.push_back({"", "not JSON: " + document.error().text()});
        return {};
    }
    auto duplicates = document->duplicate_keys();
    if (!duplicates.empty()) {
        model::add_new(errors, std::move(duplicates));
        return {};
    }
    return read_keys(document->root(), source, errors);
}

JwkSet read_pem_keys(std::string_view pem, const std::string& pointer, FieldErrors& errors) {
    JwkSet set;
    const auto refuse = [&](std::string detail) {
        ERR_clear_error();
        errors.push_back({pointer, std::move(detail)});
        return JwkSet();
    };
    if (pem.empty()) return refuse("no PEM public key or certificate stands here");
    if (pem.size() > JwkSet::largest_document) return refuse("larger than a key set may be");
    ERR_clear_error();
    const OpensslPtr<BIO> reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    for (;;) {
        PemSection section;
        if (!section.read(reader.get())) break;
        const std::string_view name = section.name;
        if (name.ends_with("PRIVATE KEY"))
            return refuse("a private key stands here: give its public part only");
        auto key = public_key_of(section);
        if (key == nullptr)
            return refuse("neither a PEM public key (\"PUBLIC KEY\") nor a certificate");
        auto made = Jwk::from_public_key(std::move(key));
        if (!made) return refuse(made.error().message);
        if (!set.add(std::move(made).value()))
            return refuse(fmt::format("more than {} keys", JwkSet::most_keys));
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end) return refuse("malformed PEM");
    if (set.empty()) return refuse("no PEM public key or certificate stands here");
    return set;
}

}  // namespace penstock::auth
