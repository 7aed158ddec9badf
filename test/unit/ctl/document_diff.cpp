#include "ctl/document_diff.hpp"

#include <catch2/catch_test_macros.hpp>

#include "ctl/json_lines.hpp"
#include "model/json_document.hpp"

using namespace penstock;
using namespace penstock::ctl;

namespace {

model::JsonDocument parsed(std::string_view json) {
    auto document = model::JsonDocument::parse(json);
    REQUIRE(document);
    return std::move(*document);
}

/// Of two objects, or of one and nothing.
std::string diff(const char* before, const char* after, const char* given = "{}") {
    const auto old_object = parsed(before == nullptr ? "null" : before);
    const auto new_object = parsed(after == nullptr ? "null" : after);
    const auto said = parsed(given);
    const KnownIds known(JsonView(said.root()), JsonView(old_object.root()));
    return diff_text(diff_objects("route a.test", JsonView(old_object.root()),
                                  JsonView(new_object.root()), known),
                     false);
}

}  // namespace

TEST_CASE("what changes is shown field by field", "[ctl]") {
    CHECK(diff(R"({"vHost":"a.test","retries":2,"health":{"maxFails":1},"aliases":[]})",
               R"({"vHost":"a.test","retries":3,"health":{"maxFails":1},"aliases":["b.test"]})") ==
          "~ route a.test\n"
          "    - retries: 2\n"
          "    + retries: 3\n"
          "    - aliases: []\n"
          "    + aliases: [\"b.test\"]\n");
}

TEST_CASE("nothing changes: nothing is shown", "[ctl]") {
    CHECK(diff(R"({"a":1,"b":[1,2]})", R"({"a":1,"b":[1,2]})") == "");
}

TEST_CASE("a backend is known by its id, wherever it stands", "[ctl]") {
    CHECK(diff(R"({"backends":[{"id":"one","port":1,"state":"alive","tls":null}]})",
               R"({"backends":[{"id":"two","port":2,"state":"alive","tls":null},
                               {"id":"one","port":1,"state":"dead","tls":null}]})",
               R"({"backends":[{"id":"two"}]})") ==
          "~ route a.test\n"
          "    + backends[two].id: \"two\"\n"
          "    + backends[two].port: 2\n");
}

TEST_CASE("a backend that goes is shown going", "[ctl]") {
    CHECK(diff(R"({"backends":[{"id":"one","port":1,"caCert":null}]})", R"({"backends":[]})") ==
          "~ route a.test\n"
          "    - backends[one].id: \"one\"\n"
          "    - backends[one].port: 1\n"
          "    + backends: []\n");
}

TEST_CASE("another order of the same backends is a change", "[ctl]") {
    CHECK(diff(R"({"backends":[{"id":"one"},{"id":"two"}]})",
               R"({"backends":[{"id":"two"},{"id":"one"}]})") ==
          "~ route a.test\n"
          "    - backends in the order: one, two\n"
          "    + backends in the order: two, one\n");
}

TEST_CASE("ids that a dry run made up are not shown as if they were to stay", "[ctl]") {
    CHECK(diff(nullptr, R"({"id":"c0ffee","vHost":"a.test","backends":[
                            {"id":"f00d","hostname":"h","port":1,"caCert":null}],"headers":{}})",
               R"({"vHost":"a.test"})") ==
          "+ route a.test\n"
          "    + id: (made when it is applied)\n"
          "    + vHost: \"a.test\"\n"
          "    + backends[h:1].id: (made when it is applied)\n"
          "    + backends[h:1].hostname: \"h\"\n"
          "    + backends[h:1].port: 1\n");
}

TEST_CASE("where no ids are given, backends are known by their addresses", "[ctl]") {
    CHECK(diff(R"({"id":"r","backends":[{"id":"a","hostname":"h","port":1,"weight":1}]})",
               R"({"id":"new","backends":[{"id":"b","hostname":"h","port":1,"weight":2}]})",
               R"({"backends":[{"hostname":"h","port":1,"weight":2}]})") ==
          "~ route a.test\n"
          "    - backends[h:1].weight: 1\n"
          "    + backends[h:1].weight: 2\n");
}

TEST_CASE("what goes altogether is one line", "[ctl]") {
    CHECK(diff(R"({"vHost":"a.test","retries":2})", nullptr) == "- route a.test\n");
}

TEST_CASE("a field that is called as run-time state is no run-time state elsewhere", "[ctl]") {
    CHECK(diff(R"({"headers":{"state":"a"}})", R"({"headers":{"state":"b"}})") ==
          "~ route a.test\n"
          "    - headers.state: \"a\"\n"
          "    + headers.state: \"b\"\n");
}

TEST_CASE("long values are shortened, and differ where they differ", "[ctl]") {
    const std::string one(500, 'a'), other = std::string(499, 'a') + 'b';
    const std::string text =
        diff(("{\"cert\":\"" + one + "\"}").c_str(), ("{\"cert\":\"" + other + "\"}").c_str());
    CHECK(text.size() < 300);
    const std::size_t first = text.find("(502 bytes, hash "),
                      second = text.rfind("(502 bytes, hash ");
    REQUIRE(first != second);
    CHECK(text.substr(first, 25) != text.substr(second, 25));
}

TEST_CASE("whole configurations differ object by object", "[ctl]") {
    const auto before = parsed(R"({"version":1,"process":{},"authProviders":[],"certificates":[],
        "routes":[{"vHost":"a","retries":1},{"vHost":"b","retries":1},
                  {"vHost":"c","retries":1}]})");
    const auto after = parsed(R"({"version":1,"process":{"workers":2},"certificates":[],
        "authProviders":[{"id":"staff","type":"bearer"}],
        "routes":[{"vHost":"c","retries":1},{"vHost":"d","retries":1},
                  {"vHost":"a","retries":2}]})");
    std::string text;
    const KnownIds known(JsonView(after.root()), JsonView(before.root()));
    for (const ObjectDiff& one :
         diff_configs(JsonView(before.root()), JsonView(after.root()), known))
        text += diff_text(one, false);
    CHECK(text ==
          "~ process\n"
          "    + workers: 2\n"
          "+ auth provider staff\n"
          "    + id: \"staff\"\n"
          "    + type: \"bearer\"\n"
          "~ route a\n"
          "    - retries: 1\n"
          "    + retries: 2\n"
          "- route b\n"
          "+ route d\n"
          "    + vHost: \"d\"\n"
          "    + retries: 1\n");
}

TEST_CASE("secrets are given and never shown, so that they cannot be compared", "[ctl]") {
    const auto given = parsed(R"({"id":"staff","type":"bearer","note":null,"list":[],
        "tokens":[{"name":"ci","token":"secret"},{"name":"CD"}]})");
    const auto shown = parsed(R"({"id":"staff","type":"bearer",
        "tokens":[{"name":"cd"},{"name":"ci"}]})");
    CHECK(unshown_fields(JsonView(given.root()), JsonView(shown.root())) ==
          std::vector<std::string>{"tokens[ci].token"});
    CHECK(unshown_fields(JsonView(shown.root()), JsonView(shown.root())).empty());
}

TEST_CASE("JSON for people is JSON", "[ctl]") {
    const auto document = parsed(R"({"a":[1,{"b":"x\ny"}],"c":{},"d":[]})");
    const std::string text = json_lines(JsonView(document.root()));
    CHECK(text ==
          "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\\ny\"\n    }\n  ],\n  \"c\": {},\n"
          "  \"d\": []\n}\n");
    CHECK(JsonView(parsed(text).root()).json() == JsonView(document.root()).json());
    // What a terminal would obey is told, not sent: CSI, DEL, a turn of the text; a ü is none.
    const auto hostile = parsed(
        "[\"\xc2\x9b"
        "2J\x7f\xe2\x80\xae\xc3\xbc\"]");
    CHECK(json_lines(JsonView(hostile.root())) == "[\n  \"\\u009b2J\\u007f\\u202e\xc3\xbc\"\n]\n");
}
