#include "auth/jws_algorithm.hpp"

namespace penstock::auth {

namespace {

struct Named {
    std::string_view name;
    JwsAlgorithm algorithm;
    std::size_t hash_size;
};

// In the enumeration's order, then further names.
constexpr Named known[] = {
    {"HS256", JwsAlgorithm::hs256, 32}, {"HS384", JwsAlgorithm::hs384, 48},
    {"HS512", JwsAlgorithm::hs512, 64}, {"RS256", JwsAlgorithm::rs256, 32},
    {"RS384", JwsAlgorithm::rs384, 48}, {"RS512", JwsAlgorithm::rs512, 64},
    {"PS256", JwsAlgorithm::ps256, 32}, {"PS384", JwsAlgorithm::ps384, 48},
    {"PS512", JwsAlgorithm::ps512, 64}, {"ES256", JwsAlgorithm::es256, 32},
    {"ES384", JwsAlgorithm::es384, 48}, {"ES512", JwsAlgorithm::es512, 64},
    {"EdDSA", JwsAlgorithm::eddsa, 0},  {"Ed25519", JwsAlgorithm::eddsa, 0},
    {"Ed448", JwsAlgorithm::eddsa, 0},
};

const Named& entry_of(JwsAlgorithm algorithm) noexcept {
    return known[static_cast<std::size_t>(algorithm)];
}

}  // namespace

std::optional<JwsAlgorithm> algorithm_named(std::string_view name) noexcept {
    for (const Named& each : known) {
        if (each.name == name) return each.algorithm;
    }
    return {};
}

std::string_view name_of(JwsAlgorithm algorithm) noexcept {
    return entry_of(algorithm).name;
}

std::size_t hash_size_of(JwsAlgorithm algorithm) noexcept {
    return entry_of(algorithm).hash_size;
}

}  // namespace penstock::auth
