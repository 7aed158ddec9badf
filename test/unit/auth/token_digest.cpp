#include "auth/token_digest.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using penstock::auth::TokenDigest;
using penstock::auth::TokenDigestHash;

namespace {

// FIPS 180-2, appendix B.1: of "abc".
constexpr const char* of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("a token's digest is its SHA-256", "[auth]") {
    CHECK(TokenDigest::of("abc").hex() == of_abc);
    CHECK(TokenDigest::of("").hex() ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("digests are read from hexadecimal digits of either case", "[auth]") {
    std::string upper = of_abc;
    for (char& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
    REQUIRE(TokenDigest::parse(of_abc));
    REQUIRE(TokenDigest::parse(upper));
    CHECK(*TokenDigest::parse(of_abc) == TokenDigest::of("abc"));
    CHECK(*TokenDigest::parse(upper) == TokenDigest::of("abc"));
    CHECK(TokenDigest::parse(upper)->hex() == of_abc);
    CHECK(TokenDigestHash{}(*TokenDigest::parse(upper)) ==
          TokenDigestHash{}(TokenDigest::of("abc")));
}

TEST_CASE("digests that differ in one bit differ", "[auth]") {
    const std::size_t at = GENERATE(0u, 31u, 63u);
    std::string other = of_abc;
    other[at] = other[at] == '0' ? '1' : '0';
    CHECK_FALSE(*TokenDigest::parse(other) == TokenDigest::of("abc"));
}

TEST_CASE("what is no digest is refused", "[auth]") {
    const std::string digest = of_abc;
    const std::string bad =
        GENERATE_COPY(std::string(), digest.substr(1), digest + "0", " " + digest.substr(1),
                      "g" + digest.substr(1), digest.substr(1) + ":", digest.substr(1) + '\0');
    CAPTURE(bad);
    CHECK_FALSE(TokenDigest::parse(bad));
}
