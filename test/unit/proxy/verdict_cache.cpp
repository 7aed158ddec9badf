// What is remembered of credentials: for how long, how much, and for whom.
#include "proxy/verdict_cache.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::proxy;
using namespace std::chrono_literals;

namespace {

snapshot::AuthProviderPtr some_provider() {
    return snapshot::compile({.id = "p", .method = BasicAuth{}});
}

const TimePoint now = TimePoint() + 100s;

}  // namespace

TEST_CASE("a verdict is known until its time is over") {
    const auto provider = some_provider();
    VerdictCache cache;
    const auto good = cache.key_of(*provider, "ann:sesame");
    const auto bad = cache.key_of(*provider, "ann:open");
    CHECK_FALSE(cache.find(good, now));
    cache.put(good, true, now, now + 60s);
    cache.put(bad, false, now, now + 5s);
    CHECK(cache.find(good, now + 59s) == true);
    CHECK(cache.find(bad, now + 4s) == false);
    CHECK_FALSE(cache.find(bad, now + 5s));
    CHECK_FALSE(cache.find(good, now + 60s));
    cache.put(good, false, now + 61s, now + 66s);
    CHECK(cache.find(good, now + 62s) == false);
}

TEST_CASE(
    "what is known under one provider is not known under another, be it of the same content") {
    const auto first = some_provider();
    const auto second = some_provider();
    CHECK(first->fingerprint == second->fingerprint);
    VerdictCache cache;
    cache.put(cache.key_of(*first, "ann:sesame"), true, now, now + 60s);
    CHECK_FALSE(cache.find(cache.key_of(*second, "ann:sesame"), now));
    VerdictCache other;  // keys are of one cache: nobody can aim at its places
    CHECK_FALSE(other.key_of(*first, "ann:sesame") == cache.key_of(*first, "ann:sesame"));
}

TEST_CASE("the cache is bounded, and bad ones go before good ones") {
    const auto provider = some_provider();
    VerdictCache cache;
    const auto good = cache.key_of(*provider, "ann:sesame");
    cache.put(good, true, now, now + 60s);
    std::size_t known = 0;
    for (std::size_t i = 0; i < 10 * VerdictCache::places; ++i)
        cache.put(cache.key_of(*provider, "eve:" + std::to_string(i)), false, now, now + 5s);
    for (std::size_t i = 0; i < 10 * VerdictCache::places; ++i)
        known += cache.find(cache.key_of(*provider, "eve:" + std::to_string(i)), now) ? 1 : 0;
    CHECK(known < VerdictCache::places);
    CHECK(known > VerdictCache::places * 9 / 10);
    CHECK(cache.find(good, now) == true);
}
