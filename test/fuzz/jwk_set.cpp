// JSON Web Key Sets and PEM keys: what is read can verify something, and what is not is told.
#include "auth/jwk_set.hpp"

#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::auth;

constexpr JwsAlgorithm algorithms[] = {
    JwsAlgorithm::hs256, JwsAlgorithm::hs384, JwsAlgorithm::hs512, JwsAlgorithm::rs256,
    JwsAlgorithm::rs384, JwsAlgorithm::rs512, JwsAlgorithm::ps256, JwsAlgorithm::ps384,
    JwsAlgorithm::ps512, JwsAlgorithm::es256, JwsAlgorithm::es384, JwsAlgorithm::es512,
    JwsAlgorithm::eddsa,
};

/// A fetched set may be empty: its issuer has withdrawn all keys.
enum class Emptiness : bool { is_an_error, is_fine };

void check(const JwkSet& set, const model::FieldErrors& errors, std::string_view input,
           Emptiness emptiness) {
    PENSTOCK_ASSERT(set.keys().size() <= JwkSet::most_keys);
    PENSTOCK_ASSERT(!set.empty() || !errors.empty() || emptiness == Emptiness::is_fine);
    for (const model::FieldError& error : errors) {
        PENSTOCK_ASSERT(error.pointer.empty() || error.pointer.front() == '/');
        PENSTOCK_ASSERT(!error.detail.empty());
    }
    for (const Jwk& key : set.keys()) {
        bool fits_any = false;
        for (const JwsAlgorithm algorithm : algorithms) {
            fits_any |= key.fits(algorithm);
            PENSTOCK_ASSERT(!key.verifies(algorithm, input, "no signature"));
        }
        PENSTOCK_ASSERT(fits_any);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    for (const JwkSource source : {JwkSource::configured, JwkSource::fetched}) {
        model::FieldErrors errors;
        const JwkSet set = parse_jwk_set(text, source, errors);
        check(set, errors, text,
              source == JwkSource::fetched ? Emptiness::is_fine : Emptiness::is_an_error);
        for (const Jwk& key : set.keys())
            PENSTOCK_ASSERT(source == JwkSource::configured || key.kind() != Jwk::Kind::oct);
    }
    model::FieldErrors errors;
    const JwkSet from_pem = read_pem_keys(text, "/publicKey", errors);
    check(from_pem, errors, text, Emptiness::is_an_error);
    return 0;
}
