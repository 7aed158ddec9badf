#include "ctl/words.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/clock.hpp"
#include "model/json_document.hpp"

using namespace penstock;
using namespace penstock::ctl;

TEST_CASE("numbers as a person reads them", "[ctl]") {
    CHECK(milliseconds(0.4242) == "0.42 ms");
    CHECK(milliseconds(12.3) == "12 ms");
    CHECK(milliseconds(3'140) == "3.1 s");
    CHECK(bytes(0) == "0 B");
    CHECK(bytes(1'023) == "1023 B");
    CHECK(bytes(1'536) == "1.5 KiB");
    CHECK(bytes(40'000'000) == "38 MiB");
    CHECK(rate(0.25) == "0.2/s");
    CHECK(rate(1'234.5) == "1234/s");
    CHECK(age(59) == "59s");
    CHECK(age(3'661) == "1h 1m");
    CHECK(age(90'061) == "1d 1h");
}

TEST_CASE("what was not measured has no latency", "[ctl]") {
    const auto document =
        model::JsonDocument::parse(R"([{"count":0,"p99":0.0},{"count":2,"p99":1.5}])");
    REQUIRE(document);
    const auto items = JsonView(document->root()).items();
    CHECK(latency(items[0], "p99").empty());
    CHECK(latency(items[1], "p99") == "1.50 ms");
    CHECK(latency(JsonView(), "p99").empty());
}

TEST_CASE("a count stands beside its limit, and warns near it", "[ctl]") {
    CHECK(against_limit(3, 0).text == "3");
    CHECK(against_limit(3, 0).tone == Tone::plain);
    CHECK(against_limit(89, 100).tone == Tone::plain);
    CHECK(against_limit(90, 100).tone == Tone::warning);
    CHECK(against_limit(90, 100).text == "90/100");
}

TEST_CASE("certificates warn under 30 days", "[ctl]") {
    constexpr std::uint64_t day = 86'400'000;
    const std::uint64_t now = unix_milliseconds();
    CHECK(days_until(rfc3339(now + 30 * day + 60'000)) == 30);
    CHECK(days_until(rfc3339(now + day / 2)) == 0);
    CHECK(days_until(rfc3339(now - day / 2)) == -1);
    CHECK(days_cell(30).tone == Tone::plain);
    CHECK(days_cell(29).tone == Tone::warning);
    CHECK(days_cell(0).text == "0");
    CHECK(days_cell(-1).text == "expired");
    CHECK(days_cell(-1).tone == Tone::bad);
}

TEST_CASE("health of a route in a cell", "[ctl]") {
    const auto cell = [](const char* json) {
        const auto document = model::JsonDocument::parse(json);
        REQUIRE(document);
        return health_cell(JsonView(document->root()));
    };
    CHECK(cell(R"([{"state":"alive"},{"state":"dead"}])").text == "1/2 alive");
    CHECK(cell(R"([{"state":"alive"},{"state":"dead"}])").tone == Tone::warning);
    CHECK(cell(R"([{"state":"maintenance"}])").tone == Tone::bad);
    CHECK(cell(R"([{"state":"alive"}])").tone == Tone::good);
}
