#include "model/host_pattern.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/punycode.hpp"

using namespace penstock::model;

namespace {

std::string pattern(std::string_view text) {
    const auto canonical = canonical_host_pattern(text);
    return canonical ? *canonical : "error: " + canonical.error().message;
}

std::string hostname(std::string_view text) {
    const auto canonical = canonical_hostname(text);
    return canonical ? *canonical : "error: " + canonical.error().message;
}

bool refused(const std::string& result) {
    return result.starts_with("error: ");
}

}  // namespace

TEST_CASE("a host pattern has one canonical form", "[model]") {
    CHECK(pattern("Api.Example.COM") == "api.example.com");
    CHECK(pattern("api.example.com.") == "api.example.com");
    CHECK(pattern("*.Example.com") == "*.example.com");
    CHECK(pattern("*.com") == "*.com");
    CHECK(pattern("*") == "*");
    CHECK(pattern("localhost") == "localhost");
    CHECK(pattern("my_service.internal") == "my_service.internal");
    CHECK(pattern("127.0.0.1") == "127.0.0.1");
    CHECK(pattern("[2001:DB8:0::1]") == "[2001:db8::1]");
    CHECK(pattern("xn--mnchen-3ya.de") == "xn--mnchen-3ya.de");
}

TEST_CASE("what is no host pattern is refused", "[model]") {
    const std::string bad = GENERATE(
        as<std::string>{}, "", ".", "..", ".a", "a..b", "a.b..", "-a.b", "a-.b", "a b", "a\tb",
        "a/b", "http://a", "a:80", "*.", "**.a", "*a.b", "a.*", "a.*.b", "*.*.a", "*.127.0.0.1",
        "127.1", "1.2.3.4.5", "a.0x7f", "0x7f000001", "2001:db8::1", "[2001:db8::1", "[::1]:80",
        "[1.2.3.4]", "[]", "münchen.de", "ab--c.de", "xn--.de", "xn--a-.de", "xn--99999999.de",
        std::string("a\0b", 3), std::string("1.2.3.4\0", 8), std::string(64, 'a') + ".de");
    CAPTURE(bad);
    CHECK(refused(pattern(bad)));
}

TEST_CASE("a host name has at most 253 bytes", "[model]") {
    std::string name;
    while (name.size() < 248) name += "abcdefg.";
    name += "abcde";
    REQUIRE(name.size() == 253);
    CHECK(pattern(name) == name);
    CHECK(pattern(name + ".") == name);
    CHECK(refused(pattern(name + "f")));
    CHECK(refused(pattern("*." + name)));
}

TEST_CASE("messages about hosts say what to mend", "[model]") {
    CHECK(pattern("a.example:80") == "error: a port does not belong here");
    CHECK(pattern("https://a.example") == "error: a scheme does not belong here");
    CHECK(pattern("::1") == "error: an IPv6 address stands in brackets");
    CHECK(pattern("\xc3\xa4.de") ==
          "error: not ASCII: write international names as A-labels (xn--...)");
}

TEST_CASE("a backend's hostname is an address or a name", "[model]") {
    CHECK(hostname("10.0.0.1") == "10.0.0.1");
    CHECK(hostname("[::1]") == "::1");
    CHECK(hostname("2001:DB8::0:1") == "2001:db8::1");
    CHECK(hostname("Node-1.Internal.") == "node-1.internal");
    CHECK(refused(hostname("*.internal")));
    CHECK(refused(hostname("*")));
    CHECK(refused(hostname("10.0.0")));
    CHECK(refused(hostname("010.0.0.1")));
    CHECK(refused(hostname("fe80::1%eth0")));
    CHECK(refused(hostname("[10.0.0.1]")));
    CHECK(refused(hostname("node:80")));
}

TEST_CASE("an authority brackets IPv6", "[model]") {
    CHECK(authority_of("::1", 80) == "[::1]:80");
    CHECK(authority_of("10.0.0.1", 3000) == "10.0.0.1:3000");
    CHECK(is_address("::1"));
    CHECK(is_address("[::1]"));
    CHECK_FALSE(is_address("localhost"));
}

TEST_CASE("A-labels are told from noise", "[model]") {
    // RFC 3492 section 7.1, lower-cased: Arabic, Chinese, Czech, Hebrew, Japanese, Russian,
    // Spanish, Vietnamese.
    CHECK(is_punycode("egbpdaj6bu4bxfgehfvwxn"));
    CHECK(is_punycode("ihqwcrb4cv8a8dqg056pqjye"));
    CHECK(is_punycode("proprostnemluvesky-uyb24dma41a"));
    CHECK(is_punycode("4dbcagdahymbxekheh6e0a7fei0b"));
    CHECK(is_punycode("n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"));
    CHECK(is_punycode("b1abfaaepdrnnbgefbadotcwatmq2g4l"));
    CHECK(is_punycode("porqunopuedensimplementehablarenespaol-fmd56a"));
    CHECK(is_punycode("tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g"));
    CHECK(is_punycode("mnchen-3ya"));
    CHECK_FALSE(is_punycode(""));
    CHECK_FALSE(is_punycode("abc-"));
    CHECK_FALSE(is_punycode("99999999"));
    CHECK_FALSE(is_punycode("a-b_"));
    CHECK_FALSE(is_punycode("mnchen-3y"));  // ends inside an integer
}
