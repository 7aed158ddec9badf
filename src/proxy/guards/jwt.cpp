// JSON Web Tokens: verified here, at some 10 to 200 µs each; a good one is known for a while.
#include "auth/jwt.hpp"

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "proxy/guards/method.hpp"
#include "proxy/verdict_cache.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy::guards {

namespace {

/// Good tokens are verified anew after this, at the latest.
constexpr std::chrono::milliseconds good_for{60'000};

/// It may be of a key that is newer than ours.
bool wants_newer_keys(auth::JwtFault fault) noexcept {
    return fault == auth::JwtFault::key_unknown || fault == auth::JwtFault::no_key_fits;
}

}  // namespace

io::Task<Verdict> jwt(Guard& guard) {
    const std::string_view token = guard.credentials("bearer");
    if (token.empty()) co_return guard.ask();
    const snapshot::AuthProvider& provider = *guard.provider();
    const auto& verification = std::get<snapshot::JwtVerification>(provider.method);
    // Told of before anything is hashed: heads may be long.
    if (token.size() > auth::longest_jwt) {
        constexpr auto fault = static_cast<std::size_t>(auth::JwtFault::too_long);
        co_return Guard::refuse(verification.challenges[fault]);
    }
    VerdictCache& known = guard.worker().known_tokens();
    const TimePoint now = guard.worker().ring().now();
    const VerdictCache::Key key = known.key_of(provider, token);
    if (known.find(key, now)) co_return Guard::pass();  // bad ones are not kept

    const std::chrono::milliseconds unix_now(unix_milliseconds());
    const std::int64_t second = unix_now.count() / 1'000;
    const auto fetched = verification.remote ? verification.remote->keys.get() : nullptr;
    if (verification.remote && fetched == nullptr)
        co_return Guard::unavailable("the keys of tokens have not been fetched yet");
    const auth::JwkSet& keys = fetched ? *fetched : verification.keys;
    const auto claims = auth::verify_jwt(token, keys, verification.rules, second);
    if (!claims) {
        if (fetched && wants_newer_keys(claims.error())) verification.remote->keys.wish_for_newer();
        const auto fault = static_cast<std::size_t>(claims.error());
        co_return Guard::refuse(verification.challenges[fault]);
    }
    auto left = good_for;
    if (claims->good_until && *claims->good_until < second + good_for / std::chrono::seconds(1))
        left = std::chrono::seconds(*claims->good_until) - unix_now;
    known.put(key, true, now, now + left);
    co_return Guard::pass();
}

}  // namespace penstock::proxy::guards
