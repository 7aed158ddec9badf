#include "auth/password.hpp"

#include <chrono>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "auth/argon2_hash.hpp"

using namespace penstock::auth;

namespace {

constexpr std::string_view password = "correct horse";

/// Of `password`, by crypt(3), `htpasswd -nbB`, `openssl passwd` and libargon2's own encoder.
std::vector<std::string> known_hashes() {
    return {
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2y$04$4/oUZtPmZi1RrCbjT/PQe.e/kyBrZjmoJqY8QvarF9AfAWd4wfywO",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79",
        "$7$BU..../....2Q9obwLhin8qvQl6sisAO/$ZCG55gELmngsKKlt/6cSAs9QYIc.7DVCMeEvjj8nAi4",
        "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC",
        "$5$rounds=2000$saltstring$5Jm.h69KcY3fwMRMDAl4nQEUgGCOAjLPwKGTGaww3l8",
        "$6$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHt"
        "zn.",
        "$6$rounds=1500$abc$8Lp4mN6o5xj1EmSL./GLVFGaxABG0vYycKiFvQkgWdUJmtK.Qaj/"
        "88r.uBjm6Ged5UKAGaDpU/ecOq7zHdwm8.",
    };
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

bool mentions(const std::optional<std::string>& reason, std::string_view words) {
    return reason && reason->find(words) != std::string::npos;
}

/// As `argon2` writes it.
std::string argon2_hash(argon2_type type, std::uint32_t version, std::uint32_t lanes) {
    char text[256];
    const int made = argon2_hash(2, 256, lanes, password.data(), password.size(), "some salt", 9,
                                 nullptr, 32, text, sizeof(text), type, version);
    REQUIRE(made == ARGON2_OK);
    return text;
}

}  // namespace

TEST_CASE("a password matches its hash of each kind, and no other does", "[auth]") {
    const std::string hash = GENERATE(from_range(known_hashes()));
    CAPTURE(hash);
    CHECK(unusable_hash(hash).value_or("") == "");
    CHECK(password_matches(password, hash));
    CHECK_FALSE(password_matches("correct horsf", hash));
    CHECK_FALSE(password_matches("correct horse ", hash));
    CHECK_FALSE(password_matches("correct hors", hash));
    CHECK_FALSE(password_matches("", hash));
}

TEST_CASE("a hash with one bit changed matches nothing", "[auth]") {
    std::string hash = GENERATE(from_range(known_hashes()));
    hash[hash.size() - 5] = hash[hash.size() - 5] == 'a' ? 'b' : 'a';
    CHECK_FALSE(password_matches(password, hash));
}

TEST_CASE("argon2 hashes of every type, version and number of lanes match", "[auth]") {
    const argon2_type type = GENERATE(Argon2_d, Argon2_i, Argon2_id);
    const std::uint32_t version = GENERATE(ARGON2_VERSION_10, ARGON2_VERSION_13);
    const std::uint32_t lanes = GENERATE(1u, 4u);
    const std::string hash = argon2_hash(type, version, lanes);
    CAPTURE(hash);
    CHECK(unusable_hash(hash).value_or("") == "");
    CHECK(password_matches(password, hash));
    CHECK_FALSE(password_matches("Correct horse", hash));
    CHECK_FALSE(password_matches(password, replaced(hash, "t=2", "t=3")));
}

TEST_CASE("an argon2 hash of the reference implementation's tests matches", "[auth]") {
    CHECK(password_matches("password",
                           "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                           "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"));
}

TEST_CASE("passwords that crypt cannot take match nothing", "[auth]") {
    using namespace std::string_literals;
    const std::string hash = GENERATE_COPY(known_hashes().front(), argon2_hash(Argon2_id, 19, 1));
    CHECK_FALSE(password_matches(std::string(password) + '\0', hash));
    CHECK_FALSE(password_matches(std::string(password) + "\0x"s, hash));
    CHECK_FALSE(password_matches(std::string(longest_password + 1, 'x'), hash));
    CHECK_FALSE(password_matches(std::string(1 << 20, 'x'), hash));
}

TEST_CASE("the longest password is taken as it is", "[auth]") {
    const std::string hash =
        "$6$a$YsAG/G4ibrSZP75Dv7.TJxu5VS7GS.s3C.MaQQOWTVDznjN/olLMYh/Ykx/"
        "HU9iHthSV8KXRuvN.mny4eBRDi.";
    CHECK(password_matches(std::string(longest_password, 'x'), hash));
    CHECK_FALSE(password_matches(std::string(longest_password - 1, 'x'), hash));
}

TEST_CASE("hashes that are too quickly guessed are told what to make instead", "[auth]") {
    const std::string weak =
        GENERATE(as<std::string>{}, "$apr1$abc$51YrpNiEtKAQp4coykJmu.", "Qrd3bNIb10bVA",
                 "{SHA}lcsL/Sl3x2EpjZYk5LTUxyo5l0o=", "$1$abc$BXBqpb9BZcZhXLgbee.0s/", "secret", "",
                 "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "$gy$j9T$a$b",
                 "$3$$8846f7eaee8fb117ad06bdd830b7586c", "_J9..rasmBYk8r9AiWNc", "*0", "!");
    CAPTURE(weak);
    CHECK(mentions(unusable_hash(weak), "htpasswd -B"));
    CHECK_FALSE(password_matches(password, weak));
    CHECK_FALSE(password_matches("secret", weak));
}

TEST_CASE("hashes that would keep a thread busy for long are refused", "[auth]") {
    const auto known = known_hashes();
    const std::string argon2 = argon2_hash(Argon2_id, 19, 1);
    const std::string costly = GENERATE_COPY(
        replaced(known[0], "$04$", "$17$"), replaced(known[2], "$04$", "$31$"),
        replaced(known[3], "$j9T$", "$jET$"), replaced(known[3], "$j9T$", "$jjj$"),
        replaced(known[4], "$7$BU", "$7$FU"), replaced(known[4], "$7$BU", "$7$zU"),
        replaced(known[4], "..../....", "..../.../"), replaced(known[4], "U..../", "Uzzzz/"),
        replaced(known[6], "rounds=2000", "rounds=1000001"),
        replaced(known[6], "rounds=2000", "rounds=999999999"),
        replaced(argon2, "m=256", "m=262145"), replaced(argon2, "m=256", "m=4294967295"),
        replaced(argon2, "t=2", "t=4294967295"), replaced(argon2, "p=1", "p=17"),
        replaced(argon2, "m=256,t=2", "m=262144,t=5"));
    CAPTURE(costly);
    const auto begin = std::chrono::steady_clock::now();
    const auto reason = unusable_hash(costly);
    CHECK((mentions(reason, "costs too much") || mentions(reason, "rounds must be")));
    CHECK_FALSE(password_matches(password, costly));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(200));
}

TEST_CASE("the costliest hashes that are taken are within the bounds", "[auth]") {
    const auto known = known_hashes();
    CHECK_FALSE(unusable_hash(replaced(known[0], "$04$", "$16$")));
    CHECK_FALSE(unusable_hash(replaced(known[3], "$j9T$", "$jDT$")));
    CHECK_FALSE(unusable_hash(replaced(known[4], "$7$BU", "$7$EU")));
    CHECK_FALSE(unusable_hash(replaced(known[6], "rounds=2000", "rounds=1000000")));
    CHECK_FALSE(unusable_hash(replaced(argon2_hash(Argon2_id, 19, 1), "m=256", "m=262144")));
}

TEST_CASE("hashes that are damaged are refused, without quoting them", "[auth]") {
    const auto known = known_hashes();
    const std::string argon2 = argon2_hash(Argon2_id, 19, 1);
    const std::string bad = GENERATE_COPY(
        known[0].substr(0, 59), known[0] + "x", replaced(known[0], "$04$", "$03$"),
        replaced(known[0], "$04$", "$32$"), replaced(known[0], "$04$", "$4.$"),
        replaced(known[0], "abc", "a:c"), replaced(known[3], "j9T", "k9T"),
        replaced(known[3], "j9T", "jz."), replaced(known[3], "j9T", "j9T."), known[3].substr(0, 30),
        known[3] + "x", std::string("$y$"), std::string("$y$j9T"), std::string("$y$j9T$"),
        std::string("$7$"), known[4].substr(0, 40), known[4] + ".",
        replaced(known[4], "$7$B", "$7$."), replaced(known[4], "..../....", "........."),
        replaced(known[6], "rounds=2000$", "rounds="), replaced(known[6], "2000", "02000"),
        replaced(known[6], "2000", ""), replaced(known[6], "2000", "-1"), std::string("$6$rounds="),
        std::string("$6$rounds=1"), std::string("$6$"), known[5] + "x", known[5].substr(0, 50),
        replaced(known[5], "saltstring", "a salt that is too long"), argon2 + "=",
        replaced(argon2, "v=19", "v=18"), replaced(argon2, "$argon2id", "$argon2"),
        replaced(argon2, "m=256", "m=7"), replaced(argon2, "m=256", "m=0256"),
        replaced(argon2, "t=2", "t=0"), replaced(argon2, "p=1", "p=0"),
        replaced(argon2, "p=1", "p=1,x=1"), replaced(argon2, ",t=2", ""),
        std::string("$argon2id$v=19$m=256,t=2,p=1$c29tZSBzYWx0$"), std::string("$argon2id$"));
    CAPTURE(bad);
    const auto reason = unusable_hash(bad);
    REQUIRE(reason);
    if (bad.size() > 20) CHECK(reason->find(bad) == std::string::npos);
    CHECK_FALSE(password_matches(password, bad));
}

TEST_CASE("rounds that crypt would raise by itself are refused", "[auth]") {
    CHECK(mentions(unusable_hash(replaced(known_hashes()[6], "2000", "999")), "rounds"));
}

TEST_CASE("an unknown user is checked against a hash like the others'", "[auth]") {
    const auto known = known_hashes();
    bool differs = false;
    for (int i = 0; i < 50; ++i) {
        const std::string user = "user" + std::to_string(i);
        const std::string& decoy = decoy_hash(user, known);
        CHECK(&decoy >= &known.front());
        CHECK(&decoy <= &known.back());
        CHECK(decoy == decoy_hash(user, known));
        differs |= decoy != decoy_hash("user0", known);
    }
    CHECK(differs);
}

TEST_CASE("without any users the decoy is a real hash too", "[auth]") {
    CHECK_FALSE(unusable_hash(decoy_hash("user", {})));
    CHECK_FALSE(password_matches("", decoy_hash("user", {})));
}
