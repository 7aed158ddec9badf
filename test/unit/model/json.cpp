#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/json_document.hpp"
#include "model/json_writer.hpp"
#include "model/merge_patch.hpp"

using namespace penstock::model;

namespace {

std::string syntax_error(std::string_view text) {
    const auto document = JsonDocument::parse(text);
    return document ? "none" : document.error().text();
}

std::string patched(std::string_view target, std::string_view patch) {
    const auto before = JsonDocument::parse(target);
    const auto changes = JsonDocument::parse(patch);
    REQUIRE(before.has_value());
    REQUIRE(changes.has_value());
    return merge_patch(before->root(), changes->root());
}

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("a syntax error says where it is", "[model]") {
    CHECK(JsonDocument::parse(std::string_view()).error().line == 1);  // nothing at all: null
    CHECK(syntax_error("") == "line 1, column 1: the document is empty");
    CHECK(syntax_error(" \n ") == "line 2, column 2: the document is empty");
    CHECK(syntax_error("{\"a\" 1}") == "line 1, column 6: expected ':'");
    CHECK(syntax_error("{\n  \"a\": 1\n  \"b\": 2\n}") == "line 3, column 3: expected ',' or '}'");
    CHECK(syntax_error("[1, 2,]") == "line 1, column 7: expected a value");
    CHECK(syntax_error("{\"a\": 1,}") == "line 1, column 9: expected a key in quotes");
    CHECK(syntax_error("{a: 1}") == "line 1, column 2: expected a key in quotes");
    CHECK(syntax_error("[1 2]") == "line 1, column 4: expected ',' or ']'");
    CHECK(syntax_error("[1}") == "line 1, column 3: expected ',' or ']'");
    CHECK(syntax_error("{} x") == "line 1, column 4: nothing may follow the document's value");
    CHECK(syntax_error("[") == "line 1, column 2: the document ends too early");
    CHECK(syntax_error("{\"a\":") == "line 1, column 6: the document ends too early");
    CHECK(syntax_error("[\"abc") == "line 1, column 2: this string does not end");
    CHECK(syntax_error("[\"a\\x\"]") == "line 1, column 4: unknown escape");
    CHECK(syntax_error("[\"\\u12g4\"]") == "line 1, column 3: \\u needs four hex digits");
    CHECK(syntax_error("[\"a\nb\"]") == "line 1, column 4: a control character must be escaped");
    CHECK(syntax_error("[01]") == "line 1, column 3: a number has no leading zeros");
    CHECK(syntax_error("[1.]") == "line 1, column 4: expected a digit");
    CHECK(syntax_error("[-]") == "line 1, column 3: expected a digit");
    CHECK(syntax_error("[1e]") == "line 1, column 4: expected a digit");
    CHECK(syntax_error("[nul]") == "line 1, column 2: expected a value");
    CHECK(syntax_error("\xef\xbb\xbf{}") == "line 1, column 1: expected a value");
}

TEST_CASE("ill-formed UTF-8 is refused where it stands", "[model]") {
    const std::string bad =
        GENERATE(as<std::string>{}, "\xff", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                 "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "\xf5\x80\x80\x80");
    CHECK(syntax_error("[\"ok\", \"" + bad + "\"]") == "line 1, column 9: not UTF-8");
}

TEST_CASE("what is JSON parses", "[model]") {
    const std::string good = GENERATE(
        as<std::string>{}, "null", "0", "-0.5e+10", "\"\"", "[]", "{}", "{\"a\":[{\"b\":[]}]}",
        "[\"\\u00e4\\n\\ud83d\\ude00\", \"\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4\"]",
        "\r\n\t [ 1 , 2 ] ");
    CHECK(syntax_error(good) == "none");
}

TEST_CASE("deep nesting is an error, not a crash", "[model]") {
    CHECK(syntax_error(nested(deepest_json - 1)) == "none");
    CHECK(syntax_error(nested(deepest_json + 1)) == "line 1, column 33: nested too deeply");
    CHECK(syntax_error(nested(500'000)) == "line 1, column 33: nested too deeply");
}

TEST_CASE("an error without a place still says something", "[model]") {
    CHECK(syntax_error("[123456789012345678901234567890]") ==
          "not JSON (a number out of range, or an escape without its pair?)");
}

TEST_CASE("duplicate keys are found at every depth, each once", "[model]") {
    const auto document = JsonDocument::parse(
        R"({"a":1,"b":{"c":1,"c":2,"c":3},"a":2,"d":[{"x/y":1,"x/y":2}],"e":0})");
    REQUIRE(document.has_value());
    const FieldErrors errors = document->duplicate_keys();
    REQUIRE(errors.size() == 3);
    CHECK(errors[0].pointer == "/b/c");
    CHECK(errors[1].pointer == "/d/0/x~1y");
    CHECK(errors[2].pointer == "/a");
}

TEST_CASE("of duplicate keys no more are told of than anybody mends", "[model]") {
    std::string many = "{";
    for (int i = 0; i < 1'000; ++i)
        many += "\"a" + std::to_string(i) + "\":0,\"a" + std::to_string(i) + "\":0,";
    many += "\"z\":0}";
    const auto document = JsonDocument::parse(many);
    REQUIRE(document.has_value());
    CHECK(document->has_duplicate_keys());
    CHECK(document->duplicate_keys().size() == most_errors);
    CHECK_FALSE(JsonDocument::parse(R"([{"a":{"b":0}},{"a":0}])")->has_duplicate_keys());
}

TEST_CASE("a key too long for a pointer is not quoted, nor what it holds", "[model]") {
    const std::string key(500'000, 'k');
    const auto document =
        JsonDocument::parse(R"({"a":{")" + key + R"(":[{"x":1,"x":2}],"y":0,"y":0}})");
    REQUIRE(document.has_value());
    const FieldErrors errors = document->duplicate_keys();
    REQUIRE(errors.size() == 2);
    CHECK(errors[0].pointer == "/a");
    CHECK(errors[1].pointer == "/a/y");
}

TEST_CASE("keys are compared unescaped", "[model]") {
    const auto document = JsonDocument::parse(R"({"a":1,"\u0061":2})");
    REQUIRE(document.has_value());
    CHECK(document->duplicate_keys().size() == 1);
}

TEST_CASE("strings leave escaped", "[model]") {
    std::string out;
    write_string(out, std::string_view("\"\\/\b\n\r\t\0\x1f\x7f \xc3\xa4", 13));
    CHECK(out == "\"\\\"\\\\/\\u0008\\n\\r\\t\\u0000\\u001f\x7f \xc3\xa4\"");
    CHECK(syntax_error(out) == "none");
}

TEST_CASE("a merge patch does what RFC 7396 says", "[model]") {
    // The cases of its appendix A.
    CHECK(patched(R"({"a":"b"})", R"({"a":"c"})") == R"({"a":"c"})");
    CHECK(patched(R"({"a":"b"})", R"({"b":"c"})") == R"({"a":"b","b":"c"})");
    CHECK(patched(R"({"a":"b"})", R"({"a":null})") == R"({})");
    CHECK(patched(R"({"a":"b","b":"c"})", R"({"a":null})") == R"({"b":"c"})");
    CHECK(patched(R"({"a":["b"]})", R"({"a":"c"})") == R"({"a":"c"})");
    CHECK(patched(R"({"a":"c"})", R"({"a":["b"]})") == R"({"a":["b"]})");
    CHECK(patched(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})") == R"({"a":{"b":"d"}})");
    CHECK(patched(R"({"a":[{"b":"c"}]})", R"({"a":[1]})") == R"({"a":[1]})");
    CHECK(patched(R"(["a","b"])", R"(["c","d"])") == R"(["c","d"])");
    CHECK(patched(R"({"a":"b"})", R"(["c"])") == R"(["c"])");
    CHECK(patched(R"({"a":"foo"})", "null") == "null");
    CHECK(patched(R"({"a":"foo"})", R"("bar")") == R"("bar")");
    CHECK(patched(R"({"e":null})", R"({"a":1})") == R"({"e":null,"a":1})");
    CHECK(patched("[1,2]", R"({"a":"b","c":null})") == R"({"a":"b"})");
    CHECK(patched("{}", R"({"a":{"bb":{"ccc":null}}})") == R"({"a":{"bb":{}}})");
}
