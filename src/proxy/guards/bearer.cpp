// Opaque tokens: known or not, by their SHA-256.
#include "auth/token_digest.hpp"
#include "proxy/guards/method.hpp"

namespace penstock::proxy::guards {

io::Task<Verdict> bearer(Guard& guard) {
    const std::string_view token = guard.credentials("bearer");
    if (token.empty()) co_return guard.ask();
    const auto& tokens = std::get<snapshot::BearerTokens>(guard.provider()->method);
    if (!tokens.contain(auth::TokenDigest::of(token))) co_return guard.refuse();
    co_return Guard::pass();
}

}  // namespace penstock::proxy::guards
