#include "control/uri.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock::control;

TEST_CASE("percent-encoding is undone, and refused where malformed", "[control]") {
    CHECK(percent_decode("a%2Fb%2a") == "a/b*");
    CHECK(percent_decode("") == "");
    CHECK(percent_decode("%00") == std::string("\0", 1));
    CHECK_FALSE(percent_decode("%"));
    CHECK_FALSE(percent_decode("%4"));
    CHECK_FALSE(percent_decode("a%4g"));
    CHECK_FALSE(percent_decode("%-1"));
}

TEST_CASE("a segment is encoded so that it decodes to itself", "[control]") {
    CHECK(percent_encode("*.api.example") == "*.api.example");
    CHECK(percent_encode("[::1]") == "%5B%3A%3A1%5D");
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    CHECK(percent_decode(percent_encode(all)) == all);
    CHECK(percent_encode(all).find('/') == std::string::npos);
}

TEST_CASE("a query is names and values, each name once", "[control]") {
    const auto query = parse_query("limit=5&after=a%2Eb&flag&&empty=");
    REQUIRE(query.has_value());
    CHECK(*query == Query{{"limit", "5"}, {"after", "a.b"}, {"flag", ""}, {"empty", ""}});
    CHECK(parse_query("")->empty());
    CHECK_FALSE(parse_query("a=1&a=2"));
    CHECK_FALSE(parse_query("a=%zz"));
}
