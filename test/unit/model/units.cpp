#include "model/units.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/uuid.hpp"

using namespace penstock::model;
using namespace std::chrono_literals;

TEST_CASE("durations are a whole number and a unit", "[model]") {
    CHECK(*parse_duration("500ms") == 500ms);
    CHECK(*parse_duration("60s") == 60s);
    CHECK(*parse_duration("5m") == 5min);
    CHECK(*parse_duration("1h") == 1h);
    CHECK(*parse_duration("0s") == 0s);
    CHECK(*parse_duration("168h") == 168h);
}

TEST_CASE("what is no duration is refused", "[model]") {
    const std::string bad =
        GENERATE(as<std::string>{}, "", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1S", "1d",
                 "1sm", "169h", "18446744073709551616ms", "9223372036854775807h");
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
}

TEST_CASE("a duration without a unit is told what to write", "[model]") {
    CHECK(parse_duration("30").error().message == R"(a duration needs a unit: "30ms" or "30s"?)");
}

TEST_CASE("durations are given back in a form that reads the same", "[model]") {
    CHECK(format_duration(500ms) == "500ms");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(60s) == "60s");
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(5min) == "5m");
    CHECK(format_duration(2h) == "2h");
    CHECK(format_duration(0ms) == "0s");
    const auto duration = GENERATE(0ms, 1ms, 999ms, 1000ms, 59'999ms, 60'000ms, 120'000ms,
                                   3'599'000ms, 604'800'000ms);
    CHECK(*parse_duration(format_duration(duration)) == duration);
}

TEST_CASE("sizes are bytes, or powers of 1,024", "[model]") {
    CHECK(*parse_size("0") == 0);
    CHECK(*parse_size("500") == 500);
    CHECK(*parse_size("16k") == 16'384);
    CHECK(*parse_size("64M") == 67'108'864);
    CHECK(*parse_size("1g") == 1'073'741'824);
    CHECK(*parse_size("9223372036854775807") == INT64_MAX);
    const std::string bad = GENERATE(as<std::string>{}, "", "k", "-1", "1kb", "1 k", "1.5k", "1t",
                                     "9223372036854775808", "8589934592g");
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad));
}

TEST_CASE("a UUID has the version and variant of RFC 9562, and no twin", "[model]") {
    const std::string one = make_uuid();
    REQUIRE(one.size() == 36);
    CHECK(one[14] == '4');
    CHECK(std::string("89ab").find(one[19]) != std::string::npos);
    for (const std::size_t dash : {8, 13, 18, 23}) CHECK(one[dash] == '-');
    CHECK(one.find_first_not_of("0123456789abcdef-") == std::string::npos);
    CHECK(one != make_uuid());
}
