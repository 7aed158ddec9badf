// JSON Web Tokens: an input is a token, and then the header, and the claims, of one that is signed.
#include "auth/jwt.hpp"

#include "../unit/auth/jose_tokens.hpp"
#include "../unit/auth/token_maker.hpp"
#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::auth;

constexpr std::int64_t now = 1'800'000'000;
constexpr std::string_view hs256 = R"({"alg":"HS256","kid":"ours"})";
constexpr std::string_view claims = R"({"exp":1800000100})";

const JwkSet& keys() {
    static const JwkSet set = [] {
        model::FieldErrors errors;
        JwkSet read = parse_jwk_set(jose::key_set, JwkSource::configured, errors);
        auto ours = Jwk::from_secret(std::string(test_secret));
        ours->set_id("ours");
        PENSTOCK_ASSERT(errors.empty() && read.add(std::move(ours).value()));
        return read;
    }();
    return set;
}

/// Whatever is good has not expired, and would be refused once it has.
void check(std::string_view token, const JwtRules& rules = {}) {
    const auto verified = verify_jwt(token, keys(), rules, now);
    if (!verified) {
        PENSTOCK_ASSERT(!text_of(verified.error()).empty());
        return;
    }
    PENSTOCK_ASSERT(rules.algorithms.has(JwsAlgorithm::hs256) || token.size() > 100);
    if (!verified->good_until) return;
    PENSTOCK_ASSERT(*verified->good_until > now);
    PENSTOCK_ASSERT(verify_jwt(token, keys(), rules, *verified->good_until - 1).has_value());
    const auto later = verify_jwt(token, keys(), rules, *verified->good_until);
    PENSTOCK_ASSERT(!later && later.error() == JwtFault::expired);
}

/// Nobody can forge: a token that is good is one of those that were signed.
void check_given(std::string_view token) {
    const bool is_good = verify_jwt(token, keys(), {}, now).has_value();
    bool is_known = false;
    for (const auto& [algorithm, known] : jose::tokens) is_known |= known == token;
    PENSTOCK_ASSERT(!is_good || is_known);
    check(token);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_given(text);
    check(make_token(text, claims));
    JwtRules rules;
    rules.expiry_required = false;
    check(make_token(hs256, text), rules);
    rules.issuer = "joe";
    rules.audiences = {"api"};
    check(make_token(hs256, text), rules);
    return 0;
}
