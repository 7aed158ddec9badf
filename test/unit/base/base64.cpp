#include "base/base64.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace penstock;

TEST_CASE("unpadded base64 is read in both alphabets", "[base]") {
    CHECK(decode_base64url("") == "");
    CHECK(decode_base64url("Zg") == "f");
    CHECK(decode_base64url("Zm8") == "fo");
    CHECK(decode_base64url("Zm9v") == "foo");
    CHECK(decode_base64url("Zm9vYmFy") == "foobar");
    CHECK(decode_base64url("A-z_4ME") == "\x03\xec\xff\xe0\xc1");  // RFC 7515, appendix C
    CHECK(decode_base64_unpadded("A+z/4ME") == "\x03\xec\xff\xe0\xc1");
    CHECK(decode_base64_unpadded("c29tZXNhbHQ") == "somesalt");
}

TEST_CASE("base64url that is not as RFC 7515 has it is refused", "[base]") {
    const std::string bad = GENERATE(as<std::string>{}, "Z", "Zm9vY", "Zg==", "Zm8=", "Zh", "Zm9",
                                     "Zm 8", "Zm8\n", "A+z/", "Zm.8", "Zm9v\x80", "=", "Zg=");
    CAPTURE(bad);
    CHECK_FALSE(decode_base64url(bad));
}

TEST_CASE("unpadded base64 takes no digits of the other alphabet", "[base]") {
    CHECK_FALSE(decode_base64_unpadded("A-z_"));
    CHECK_FALSE(decode_base64_unpadded(" A+z"));
}

TEST_CASE("bytes become base64, and are read again", "[base]") {
    CHECK(encode_base64("") == "");
    CHECK(encode_base64("f") == "Zg==");
    CHECK(encode_base64("fo") == "Zm8=");
    CHECK(encode_base64("foo") == "Zm9v");
    CHECK(encode_base64("\x03\xec\xff\xe0\xc1") == "A+z/4ME=");
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    CHECK(decode_base64(encode_base64(all)) == all);
}
