#include "auth/jwt.hpp"

#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "base/base64.hpp"
#include "jose_tokens.hpp"
#include "token_maker.hpp"

using namespace penstock;
using namespace penstock::auth;

namespace {

constexpr std::int64_t now = 1'800'000'000;  // the first second of jose's tokens

JwkSet set_of(std::string_view json) {
    model::FieldErrors errors;
    JwkSet set = parse_jwk_set(json, JwkSource::configured, errors);
    CHECK(errors == model::FieldErrors{});
    return set;
}

std::string set_with(std::string_view key) {
    return R"({"keys":[)" + std::string(key) + "]}";
}

/// The fault of a token, or empty.
std::optional<JwtFault> fault_of(std::string_view token, const JwkSet& keys,
                                 const JwtRules& rules = {}, std::int64_t at = now) {
    const auto verified = verify_jwt(token, keys, rules, at);
    if (verified) return {};
    return verified.error();
}

constexpr std::string_view hs256 = R"({"alg":"HS256"})";
constexpr std::string_view good_claims = R"({"exp":1800000100})";

std::optional<JwtFault> fault_of_header(std::string_view header) {
    return fault_of(make_token(header, good_claims), secret_set("the key"));
}

std::optional<JwtFault> fault_of_claims(std::string_view claims, const JwtRules& rules = {}) {
    return fault_of(make_token(hs256, claims), secret_set(), rules);
}

// RFC 7515, appendix A.1 to A.5; RFC 7519 section 3.1 has the first too.
constexpr std::string_view rfc_claims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";
constexpr std::int64_t rfc_expiry = 1'300'819'380;

constexpr std::string_view rfc_secret =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcg)"
    R"(UuTwjAzZr1Z9CAow"})";
constexpr std::string_view rfc_rsa =
    R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxH)"
    R"(mfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZ)"
    R"(o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTB)"
    R"(QY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAc)"
    R"(DTW9gb54h4FRWyuXpoQ"})";
constexpr std::string_view rfc_p256 =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu)"
    R"(9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr std::string_view rfc_p521 =
    R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_N)"
    R"(jFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1)"
    R"(WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})";
constexpr std::string_view rfc_ed25519 =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

struct Example {
    std::string_view key;
    std::string_view header;
    std::string_view signature;
};

constexpr Example hs256_example{rfc_secret, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
                                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"};
constexpr Example rs256_example{rfc_rsa, "eyJhbGciOiJSUzI1NiJ9",
                                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
                                "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG"
                                "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                                "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
                                "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
                                "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"
                                "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"};
constexpr Example es256_example{
    rfc_p256, "eyJhbGciOiJFUzI1NiJ9",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"};

std::string token_of(const Example& example) {
    return std::string(example.header) + "." + std::string(rfc_claims) + "." +
           std::string(example.signature);
}

/// With the character at `at` exchanged for another.
std::string tampered(std::string_view token, std::size_t at) {
    std::string other(token);
    other[at] = other[at] == 'A' ? 'B' : 'A';
    return other;
}

}  // namespace

TEST_CASE("the tokens of RFC 7515, appendix A, are good until they expire", "[auth]") {
    const Example example = GENERATE(hs256_example, rs256_example, es256_example);
    const JwkSet keys = set_of(set_with(example.key));
    const std::string token = token_of(example);
    JwtRules rules;
    rules.leeway = {};
    CHECK_FALSE(fault_of(token, keys, rules, rfc_expiry - 1));
    CHECK(fault_of(token, keys, rules, rfc_expiry) == JwtFault::expired);
    rules.issuer = "joe";
    CHECK_FALSE(fault_of(token, keys, rules, rfc_expiry - 1));
    CHECK(verify_jwt(token, keys, rules, rfc_expiry - 1)->good_until == rfc_expiry);
}

TEST_CASE("the signatures of RFC 7515 A.4 and RFC 8037 A.4 are right", "[auth]") {
    const JwkSet p521 = set_of(set_with(rfc_p521));
    const auto of_p521 = decode_base64url(
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG"
        "8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn");
    CHECK(
        p521.keys()[0].verifies(JwsAlgorithm::es512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", *of_p521));
    const JwkSet ed25519 = set_of(set_with(rfc_ed25519));
    const std::string_view text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    const auto of_ed25519 = decode_base64url(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    CHECK(ed25519.keys()[0].verifies(JwsAlgorithm::eddsa, text, *of_ed25519));
    CHECK_FALSE(ed25519.keys()[0].verifies(JwsAlgorithm::eddsa, "other", *of_ed25519));
    // A payload that is no JSON object is no token, whoever signed it.
    CHECK(fault_of(std::string(text) + ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iy"
                                       "lGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                   ed25519) == JwtFault::malformed);
}

TEST_CASE("unsigned tokens are never good", "[auth]") {
    const JwkSet keys = set_of(jose::key_set);
    const std::string none = "eyJhbGciOiJub25lIn0." + std::string(rfc_claims);  // RFC 7515, A.5
    CHECK(fault_of(none + ".", keys, {}, 0) == JwtFault::algorithm_refused);
    CHECK(fault_of(none, keys, {}, 0) == JwtFault::malformed);
    CHECK(fault_of_header(R"({"alg":"none"})") == JwtFault::algorithm_refused);
    CHECK(fault_of_header(R"({"alg":"None"})") == JwtFault::algorithm_refused);
    CHECK(fault_of_header(R"({"alg":"hs256"})") == JwtFault::algorithm_refused);
    CHECK(fault_of_header(R"({"alg":""})") == JwtFault::algorithm_refused);
}

TEST_CASE("tokens that jose made are good, of every algorithm", "[auth]") {
    const auto signed_by_jose = GENERATE(from_range(jose::tokens));
    CAPTURE(signed_by_jose.algorithm);
    const JwkSet keys = set_of(jose::key_set);
    JwtRules rules;
    rules.algorithms = JwsAlgorithms{};
    rules.algorithms.add(*algorithm_named(signed_by_jose.algorithm));
    rules.issuer = "https://issuer.example";
    rules.audiences = {"else", "web"};
    const auto claims = verify_jwt(signed_by_jose.token, keys, rules, now);
    REQUIRE(claims);
    CHECK(claims->subject == "someone");
    CHECK(claims->good_until == now + 3600 + 60);
}

TEST_CASE("a token whose algorithm the rules do not allow is refused", "[auth]") {
    const auto signed_by_jose = GENERATE(from_range(jose::tokens));
    CAPTURE(signed_by_jose.algorithm);
    JwtRules rules;
    rules.algorithms = JwsAlgorithms{};
    for (const auto& [algorithm, token] : jose::tokens) {
        if (algorithm != signed_by_jose.algorithm)
            rules.algorithms.add(*algorithm_named(algorithm));
    }
    const JwkSet keys = set_of(jose::key_set);
    CHECK(fault_of(signed_by_jose.token, keys, rules) == JwtFault::algorithm_refused);
}

TEST_CASE("no character of a token can be another", "[auth]") {
    const auto signed_by_jose = GENERATE(from_range(jose::tokens));
    CAPTURE(signed_by_jose.algorithm);
    const JwkSet keys = set_of(jose::key_set);
    for (std::size_t at = 0; at < signed_by_jose.token.size(); ++at) {
        CAPTURE(at);
        REQUIRE(fault_of(tampered(signed_by_jose.token, at), keys));
    }
}

TEST_CASE("no token can be cut short, or be longer", "[auth]") {
    const auto signed_by_jose = GENERATE(from_range(jose::tokens));
    const JwkSet keys = set_of(jose::key_set);
    const std::string token(signed_by_jose.token);
    for (std::size_t size = 0; size < token.size(); ++size) {
        CAPTURE(size);
        REQUIRE(fault_of(token.substr(0, size), keys));
    }
    for (const char* more : {"A", "AA", "AAAA", "=", "==", " ", "\n", ".", ".A"}) {
        CAPTURE(more);
        CHECK(fault_of(token + more, keys));
    }
}

TEST_CASE("a signature of another key of the same kind is wrong", "[auth]") {
    const std::string token = token_of(es256_example);
    const JwkSet other = set_of(jose::key_set);
    CHECK(fault_of(token, other, {}, 0) == JwtFault::signature_wrong);
    CHECK(fault_of(make_token(hs256, good_claims), secret_set("", std::string(64, 'x'))) ==
          JwtFault::signature_wrong);
}

TEST_CASE("a public key is no secret of an HMAC, whatever the token says", "[auth]") {
    const JwkSet rsa = set_of(set_with(rfc_rsa));
    const std::string_view modulus = rfc_rsa.substr(rfc_rsa.find("ofgW"), 342);
    for (const std::string& secret :
         {std::string(rfc_rsa), std::string(modulus), *decode_base64url(modulus)}) {
        CHECK(fault_of(make_token(hs256, good_claims, secret), rsa) == JwtFault::no_key_fits);
    }
    const JwkSet all = set_of(jose::key_set);
    CHECK(fault_of(make_token(R"({"alg":"HS256","kid":"rsa"})", good_claims, modulus), all) ==
          JwtFault::no_key_fits);
}

TEST_CASE("a curve's key verifies with that curve's algorithm only", "[auth]") {
    const std::string header = R"({"alg":"ES384","kid":"es256"})";
    CHECK(fault_of(make_token(header, good_claims), set_of(jose::key_set)) ==
          JwtFault::no_key_fits);
}

TEST_CASE("signatures of ECDSA have their exact form", "[auth]") {
    const JwkSet keys = set_of(set_with(rfc_p256));
    const Jwk& key = keys.keys()[0];
    const std::string text = "eyJhbGciOiJFUzI1NiJ9." + std::string(rfc_claims);
    const std::string good = *decode_base64url(es256_example.signature);
    REQUIRE(key.verifies(JwsAlgorithm::es256, text, good));
    const std::string r = good.substr(0, 32);
    const std::string s = good.substr(32);
    const std::string zero(32, '\0');
    const std::string order = *decode_base64url("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
    const std::string der = "\x30\x45\x02\x20" + r + std::string("\x02\x21\x00", 3) + s;
    for (const std::string& bad :
         {std::string(), zero + zero, r + zero, zero + s, order + order, r + order, order + s,
          s + r, good + std::string(1, '\0'), std::string(1, '\0') + good, good.substr(1), der,
          std::string(64, '\xff'), zero + good}) {
        CHECK_FALSE(key.verifies(JwsAlgorithm::es256, text, bad));
    }
}

TEST_CASE("a key is chosen by its id", "[auth]") {
    JwkSet keys = secret_set("old", std::string(64, 'o'));
    auto current = Jwk::from_secret(std::string(test_secret));
    current->set_id("new");
    REQUIRE(keys.add(std::move(current).value()));
    const auto with = [&](std::string_view header) {
        return fault_of(make_token(header, good_claims), keys);
    };
    CHECK_FALSE(with(R"({"alg":"HS256","kid":"new"})"));
    CHECK(with(R"({"alg":"HS256","kid":"old"})") == JwtFault::signature_wrong);
    CHECK(with(R"({"alg":"HS256","kid":"other"})") == JwtFault::key_unknown);
    CHECK(with(R"({"alg":"HS256","kid":""})") == JwtFault::key_unknown);
    CHECK(with(R"({"alg":"HS256","kid":5})") == JwtFault::malformed);
    // Without one, all that fit are tried.
    CHECK_FALSE(with(R"({"alg":"HS256"})"));
    // A key without an id may be meant by any (RFC 7515 section 4.1.4), unless another has that
    // one.
    const std::string named = make_token(R"({"alg":"HS256","kid":"new"})", good_claims);
    CHECK_FALSE(fault_of(named, secret_set()));
    CHECK(fault_of(named, secret_set("", std::string(64, 'x'))) == JwtFault::key_unknown);
    JwkSet both = secret_set();
    auto other = Jwk::from_secret(std::string(64, 'n'));
    other->set_id("new");
    REQUIRE(both.add(std::move(other).value()));
    CHECK(fault_of(named, both) == JwtFault::signature_wrong);
}

TEST_CASE("without keys there are no tokens", "[auth]") {
    CHECK(fault_of(make_token(hs256, good_claims), JwkSet()) == JwtFault::no_key_fits);
    CHECK(fault_of(make_token(R"({"alg":"HS256","kid":"a"})", good_claims), JwkSet()) ==
          JwtFault::key_unknown);
}

TEST_CASE("a secret shorter than the hash is not for it", "[auth]") {
    const JwkSet keys = set_of(jose::key_set);  // 64 bytes
    CHECK(keys.keys()[0].fits(JwsAlgorithm::hs512));
    const JwkSet shorter = secret_set();  // 32
    CHECK(shorter.keys()[0].fits(JwsAlgorithm::hs256));
    CHECK_FALSE(shorter.keys()[0].fits(JwsAlgorithm::hs384));
    CHECK_FALSE(shorter.keys()[0].fits(JwsAlgorithm::hs512));
    CHECK_FALSE(Jwk::from_secret(std::string(31, 'x')));
}

TEST_CASE("headers that change what a token means are refused", "[auth]") {
    struct Case {
        std::string_view header;
        std::optional<JwtFault> fault;
    };
    const Case each = GENERATE(values<Case>({
        {R"({"alg":"HS256","typ":"JWT"})", {}},
        {R"({"typ":"at+jwt","alg":"HS256"})", {}},
        {R"({"typ":"application/at+jwt","alg":"HS256"})", {}},
        {R"({"typ":"jose","alg":"HS256","x":[{"y":1}],"jku":"https://evil.example"})", {}},
        {R"({"alg":"HS256","typ":"logout+jwt"})", JwtFault::header_refused},
        {R"({"alg":"HS256","typ":"dpop+jwt"})", JwtFault::header_refused},
        {R"({"alg":"HS256","typ":""})", JwtFault::header_refused},
        {R"({"alg":"HS256","typ":7})", JwtFault::malformed},
        {R"({"alg":"HS256","crit":["exp"],"exp":1})", JwtFault::header_refused},
        {R"({"alg":"HS256","crit":[]})", JwtFault::header_refused},
        {R"({"alg":"HS256","b64":true})", JwtFault::header_refused},
        {R"({"alg":"HS256","zip":"DEF"})", JwtFault::header_refused},
        {R"({"alg":"dir","enc":"A256GCM"})", JwtFault::encrypted},
        {R"({"alg":"HS256","alg":"HS256"})", JwtFault::malformed},
        {R"({"alg":"HS256","al\u0067":"none"})", JwtFault::malformed},
        {R"({"alg":"HS256","a":{"b":1,"b":2}})", JwtFault::malformed},
        {R"({"alg":["HS256"]})", JwtFault::malformed},
        {R"({"alg":null})", JwtFault::malformed},
        {R"({"typ":"JWT"})", JwtFault::malformed},
        {R"(["alg","HS256"])", JwtFault::malformed},
        {R"("HS256")", JwtFault::malformed},
        {R"({"alg":"HS256")", JwtFault::malformed},
        {R"({"alg":"HS256"}})", JwtFault::malformed},
        {"\xef\xbb\xbf{\"alg\":\"HS256\"}", JwtFault::malformed},
        {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", JwtFault::malformed},
        {"", JwtFault::malformed},
        {R"({"alg":"HS999"})", JwtFault::algorithm_refused},
        {R"({"alg":"ES256K"})", JwtFault::algorithm_refused},
    }));
    CAPTURE(each.header);
    CHECK(fault_of_header(each.header) == each.fault);
}

TEST_CASE("what is no compact JWS is refused", "[auth]") {
    const JwkSet keys = secret_set();
    const std::string good = make_token(hs256, good_claims);
    REQUIRE_FALSE(fault_of(good, keys));
    const std::string header = encode_base64url(hs256);
    for (const std::string& bad :
         {std::string(), std::string("."), std::string(".."), std::string("..."), header,
          header + ".", "." + good, good + ".", " " + good, good + " ", good + "=",
          header + "=" + good.substr(header.size()), std::string(1, '\0') + good,
          good.substr(0, header.size()) + "\n" + good.substr(header.size())}) {
        CAPTURE(bad);
        CHECK(fault_of(bad, keys) == JwtFault::malformed);
    }
    CHECK(fault_of(header + "..", keys) == JwtFault::signature_wrong);
    CHECK(fault_of("a.b.c.d.e", keys) == JwtFault::encrypted);
    CHECK(fault_of(std::string(longest_jwt + 1, 'a'), keys) == JwtFault::too_long);
    CHECK(fault_of(std::string(longest_jwt, '.'), keys) == JwtFault::malformed);
}

TEST_CASE("a JSON text too deep for the stack is refused", "[auth]") {
    const std::string deep =
        R"({"alg":"HS256","x":)" + std::string(4000, '[') + std::string(4000, ']') + "}";
    CHECK(fault_of_header(deep) == JwtFault::malformed);
    CHECK(fault_of_claims(std::string(5000, '[')) == JwtFault::malformed);
}

TEST_CASE("the moments of a token are kept, give or take the leeway", "[auth]") {
    struct Case {
        std::string_view claims;
        std::optional<JwtFault> fault;
    };
    const Case each = GENERATE(values<Case>({
        {R"({"exp":1799999941})", {}},  // 59 s ago
        {R"({"exp":1799999940})", JwtFault::expired},
        {R"({"exp":1799999940.5})", {}},
        {R"({"exp":1799999939.999})", JwtFault::expired},
        {R"({"exp":1.8000001e9})", {}},
        {R"({"exp":0})", JwtFault::expired},
        {R"({"exp":253402300799})", {}},
        {R"({"exp":253402300800})", JwtFault::claims_malformed},
        {R"({"exp":1800000100000000})", JwtFault::claims_malformed},
        {R"({"exp":-1})", JwtFault::claims_malformed},
        {R"({"exp":1e300})", JwtFault::claims_malformed},
        {R"({"exp":18446744073709551615})", JwtFault::claims_malformed},
        {R"({"exp":9223372036854775808})", JwtFault::claims_malformed},
        {R"({"exp":99999999999999999999})", JwtFault::malformed},
        {R"({"exp":1e999})", JwtFault::malformed},
        {R"({"exp":NaN})", JwtFault::malformed},
        {R"({"exp":"1800000100"})", JwtFault::claims_malformed},
        {R"({"exp":null})", JwtFault::claims_malformed},
        {R"({"exp":[1800000100]})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"exp":1800000200})", JwtFault::malformed},
        {R"({})", JwtFault::no_expiry},
        {R"({"exp":1800000100,"nbf":1800000060})", {}},
        {R"({"exp":1800000100,"nbf":1800000060.5})", JwtFault::not_yet_valid},
        {R"({"exp":1800000100,"nbf":1800000061})", JwtFault::not_yet_valid},
        {R"({"exp":1800000100,"nbf":"0"})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"iat":1800000060})", {}},
        {R"({"exp":1800000100,"iat":1800000061})", JwtFault::issued_in_future},
        {R"({"exp":1800000100,"iat":true})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"sub":7})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"iss":7})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"aud":7})", JwtFault::claims_malformed},
        {R"({"exp":1800000100,"aud":["a",7]})", JwtFault::claims_malformed},
        {R"([1])", JwtFault::malformed},
        {"", JwtFault::malformed},
        {"Payload", JwtFault::malformed},
    }));
    CAPTURE(each.claims);
    CHECK(fault_of_claims(each.claims) == each.fault);
}

TEST_CASE("an expiry is asked for unless the rules say otherwise", "[auth]") {
    JwtRules rules;
    rules.expiry_required = false;
    CHECK_FALSE(fault_of_claims(R"({"sub":"a"})", rules));
    CHECK(fault_of_claims(R"({"exp":1})", rules) == JwtFault::expired);
    CHECK_FALSE(verify_jwt(make_token(hs256, "{}"), secret_set(), rules, now)->good_until);
}

TEST_CASE("issuer and audience are compared exactly", "[auth]") {
    JwtRules rules;
    rules.issuer = "https://issuer.example";
    rules.audiences = {"api", "web"};
    const auto with = [&rules](const std::string& members) {
        return fault_of_claims(R"({"exp":1800000100)" + members + "}", rules);
    };
    const std::string issuer = R"(,"iss":"https://issuer.example")";
    CHECK_FALSE(with(issuer + R"(,"aud":"api")"));
    CHECK_FALSE(with(issuer + R"(,"aud":["x","web"])"));
    CHECK(with(issuer) == JwtFault::audience_wrong);
    CHECK(with(issuer + R"(,"aud":[])") == JwtFault::audience_wrong);
    CHECK(with(issuer + R"(,"aud":"API")") == JwtFault::audience_wrong);
    CHECK(with(issuer + R"(,"aud":"api ")") == JwtFault::audience_wrong);
    CHECK(with(issuer + R"(,"aud":["a","pi"])") == JwtFault::audience_wrong);
    CHECK(with(issuer + R"(,"aud":null)") == JwtFault::claims_malformed);
    CHECK(with(R"(,"aud":"api")") == JwtFault::issuer_wrong);
    CHECK(with(R"(,"aud":"api","iss":"https://issuer.example/")") == JwtFault::issuer_wrong);
    CHECK(with(R"(,"aud":"api","iss":"https://issuer.example\u0000")") == JwtFault::issuer_wrong);
    CHECK(with(R"(,"aud":"api","iss":["https://issuer.example"])") == JwtFault::claims_malformed);
}

TEST_CASE("what is said of a fault may stand in WWW-Authenticate", "[auth]") {
    for (int fault = 0; fault <= static_cast<int>(JwtFault::audience_wrong); ++fault) {
        const std::string_view text = text_of(static_cast<JwtFault>(fault));
        CHECK_FALSE(text.empty());
        for (const char c : text) CHECK((c >= ' ' && c <= '~' && c != '"' && c != '\\'));
    }
}

TEST_CASE("one set verifies in many threads at once", "[auth][threads]") {
    const JwkSet keys = set_of(jose::key_set);
    std::vector<std::thread> threads;
    std::vector<int> good(4);
    for (int& count : good) {
        threads.emplace_back([&keys, &count] {
            for (int round = 0; round < 5; ++round) {
                for (const auto& [algorithm, token] : jose::tokens)
                    count += verify_jwt(token, keys, {}, now).has_value() ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int count : good) CHECK(count == 5 * static_cast<int>(std::size(jose::tokens)));
}
