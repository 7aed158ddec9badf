// Any bytes become valid JSON.
#include "base/json_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock;

namespace {

std::string json(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

}  // namespace

TEST_CASE("quotes and control bytes are escaped, UTF-8 passes", "[base]") {
    CHECK(json("") == R"("")");
    CHECK(json("/a?b=c") == R"("/a?b=c")");
    CHECK(json("say \"\\\"") == R"("say \"\\\"")");
    CHECK(json(std::string_view("a\nb\rc\td\0e\x1f\x7f", 11)) ==
          "\"a\\nb\\rc\\td\\u0000e\\u001f\x7f\"");
    CHECK(json("Grüße, €, 𝄞") == "\"Grüße, €, 𝄞\"");
}

TEST_CASE("what is no UTF-8 is replaced, byte by byte", "[base]") {
    const std::string bad = "\xef\xbf\xbd";
    CHECK(json("a\xff z") == "\"a" + bad + " z\"");
    CHECK(json("\x80") == "\"" + bad + "\"");
    CHECK(json("\xc3") == "\"" + bad + "\"");                                // cut short
    CHECK(json("\xc0\xaf") == "\"" + bad + bad + "\"");                      // overlong
    CHECK(json("\xe0\x80\x80") == "\"" + bad + bad + bad + "\"");            // overlong
    CHECK(json("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");            // a surrogate
    CHECK(json("\xf4\x90\x80\x80") == "\"" + bad + bad + bad + bad + "\"");  // beyond Unicode
    CHECK(json("\xe2\x82") == "\"" + bad + bad + "\"");
    CHECK(json("\xe2\x82z") == "\"" + bad + bad + "z\"");
    CHECK(json("\xf0\x9f\x98\x80") == "\"\xf0\x9f\x98\x80\"");
}
