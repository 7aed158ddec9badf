#include "model/http_url.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using penstock::model::HttpUrl;

TEST_CASE("a URL is taken apart", "[model]") {
    const auto plain = HttpUrl::parse("http://Auth.Example:9000/check?for=api");
    REQUIRE(plain);
    CHECK_FALSE(plain->is_secure);
    CHECK(plain->hostname == "auth.example");
    CHECK(plain->port == 9000);
    CHECK(plain->authority == "auth.example:9000");
    CHECK(plain->target == "/check?for=api");
    const auto secure = HttpUrl::parse("HTTPS://[::1]");
    REQUIRE(secure);
    CHECK(secure->is_secure);
    CHECK(secure->hostname == "::1");
    CHECK(secure->port == 443);
    CHECK(secure->authority == "[::1]");
    CHECK(secure->target == "/");
    CHECK(HttpUrl::parse("http://127.0.0.1?a")->target == "/?a");
    CHECK(HttpUrl::parse("http://a:80/")->authority == "a");
    CHECK(HttpUrl::parse("https://a:80/")->authority == "a:80");
}

TEST_CASE("what is no URL to ask is refused", "[model]") {
    const std::string bad =
        GENERATE(as<std::string>{}, "", "a", "ftp://a", "http:/a", "http://", "http:///a",
                 "http://a b/", "http://a/\r\n", "http://a/#b", "http://user@a/", "http://a:0/",
                 "http://a:65536/", "http://a:/", "http://a:b/", "http://::1/", "http://[::1/",
                 "http://[]/", "http://a_b\\c/", "http://\xc3\xa9/", "http://a/\xc3\xa9");
    CAPTURE(bad);
    CHECK_FALSE(HttpUrl::parse(bad));
}

TEST_CASE("a URL that is too long is refused", "[model]") {
    CHECK(HttpUrl::parse("http://a/" + std::string(HttpUrl::longest - 9, 'x')));
    CHECK_FALSE(HttpUrl::parse("http://a/" + std::string(HttpUrl::longest - 8, 'x')));
}
