#include "control/tokens.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"

using namespace penstock::control;

namespace {

constexpr const char* first = "0123456789abcdef";
constexpr const char* second = "fedcba9876543210";

std::string fault(std::string_view text) {
    const auto tokens = parse_tokens(text);
    return tokens ? "none" : tokens.error().message;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// A file of its own, gone with it.
class Written {
  public:
    explicit Written(std::string_view text, mode_t mode = 0600) {
        char name[] = "/tmp/penstock-tokens-XXXXXX";
        const int fd = ::mkstemp(name);
        REQUIRE(fd >= 0);
        ::close(fd);
        path = name;
        write(text, mode);
    }
    ~Written() { ::unlink(path.c_str()); }

    /// By renaming, as editors and secret stores do: the version differs whatever the clock says.
    void write(std::string_view text, mode_t mode = 0600) const {
        const std::string fresh = path + ".new";
        std::FILE* const file = std::fopen(fresh.c_str(), "w");
        REQUIRE(file != nullptr);
        std::fwrite(text.data(), 1, text.size(), file);
        std::fclose(file);
        REQUIRE(::chmod(fresh.c_str(), mode) == 0);
        REQUIRE(::rename(fresh.c_str(), path.c_str()) == 0);
    }

    std::string path;
};

std::string name_of(TokenFile& file, const std::string& token) {
    const auto caller = file.identify("Bearer " + token);
    return caller ? caller->name : "(nobody)";
}

}  // namespace

TEST_CASE("a token file has a token a line, what it may do, and whose it is", "[control]") {
    const auto tokens = parse_tokens(
        "# comment\n\n  0123456789abcdef\r\nfedcba9876543210\tread-only   the dashboard \n"
        "!#$%&'()*+,-./:;<=>?@ ci\n0000000000000000 read-write\n1111111111111111 read-write "
        "deploy");
    REQUIRE(tokens);
    REQUIRE(tokens->size() == 5);
    CHECK(((*tokens)[0].name == "token 1" && (*tokens)[0].may_write));
    CHECK(((*tokens)[1].name == "the dashboard" && !(*tokens)[1].may_write));
    CHECK(((*tokens)[2].name == "ci" && (*tokens)[2].may_write));
    CHECK(((*tokens)[3].name == "token 4" && (*tokens)[3].may_write));
    CHECK(((*tokens)[4].name == "deploy" && (*tokens)[4].may_write));
    CHECK(find_token(*tokens, first) == &(*tokens)[0]);
    CHECK(find_token(*tokens, second) == &(*tokens)[1]);
    CHECK(find_token(*tokens, "!#$%&'()*+,-./:;<=>?@") == &(*tokens)[2]);
    for (const char* wrong : {"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF",
                              "0123456789abcdef ", "# comment", "the dashboard"}) {
        CAPTURE(wrong);
        CHECK(find_token(*tokens, wrong) == nullptr);
    }
}

TEST_CASE("what is wrong with a token file is told by its line, and nothing of it is quoted",
          "[control]") {
    CHECK(contains(fault(""), "no token"));
    CHECK(contains(fault("# nothing\n\n"), "no token"));
    CHECK(contains(fault("0123456789abcdef\nshort\n"), "line 2: a token has at least 16"));
    CHECK(contains(fault("0123456789abcde\x01\n"), "line 1: a token is of printable"));
    CHECK(contains(fault("0123456789abcde\xc3\xa9\n"), "printable"));
    CHECK(contains(fault("0123456789abcdef readonly x\n"), "read-only, read-write"));
    CHECK(contains(fault("0123456789abcdef Read-Only\n"), "read-only, read-write"));
    CHECK(contains(fault("0123456789abcdef ro\n"), "read-only, read-write"));
    CHECK(contains(fault("0123456789abcdef a\nfedcba9876543210\n0123456789abcdef b\n"),
                   "line 3: this token stands here twice"));
    CHECK(contains(fault("0123456789abcdef " + std::string(65, 'n')), "at most 64"));
    CHECK(contains(fault("0123456789abcdef na\x1bme"), "printable"));
    for (const char* text : {"secret-secret-\x02-secret", "secret-secret-secret read only"})
        CHECK_FALSE(contains(fault(text), "secret"));
}

TEST_CASE("only the owner and the group may read a token file", "[control]") {
    for (const mode_t mode : {0600, 0400, 0640}) {
        const Written file(first, mode);
        CAPTURE(mode);
        CHECK(TokenFile::open(file.path).has_value());
    }
    for (const mode_t mode : {0644, 0604, 0602, 0660, 0601}) {
        const Written file(first, mode);
        CAPTURE(mode);
        const auto opened = TokenFile::open(file.path);
        REQUIRE_FALSE(opened.has_value());
        CHECK(contains(opened.error().message, "chmod 600"));
    }
}

TEST_CASE("a token file is a regular file of a bounded size", "[control]") {
    CHECK_FALSE(TokenFile::open("/nowhere/tokens").has_value());
    CHECK(contains(TokenFile::open("/tmp").error().message, "not a regular file"));
    CHECK(contains(TokenFile::open("/dev/null").error().message, "not a regular file"));
    const Written fifo(first);
    REQUIRE(::unlink(fifo.path.c_str()) == 0);
    REQUIRE(::mkfifo(fifo.path.c_str(), 0600) == 0);
    CHECK(contains(TokenFile::open(fifo.path).error().message, "not a regular file"));
    const Written large(std::string(65'537, '#'));
    CHECK(contains(TokenFile::open(large.path).error().message, "larger than 65536 bytes"));
}

TEST_CASE("a bearer token is taken in the form of RFC 6750 alone", "[control]") {
    const Written file(std::string(first) + " read-only me");
    auto tokens = TokenFile::open(file.path);
    REQUIRE(tokens);
    const std::string token = first;
    for (const std::string& good :
         {"Bearer " + token, "bearer " + token, "BEARER   " + token, "Bearer\t" + token}) {
        CAPTURE(good);
        const auto caller = tokens->identify(good);
        REQUIRE(caller);
        CHECK((caller->name == "me" && !caller->may_write));
    }
    for (const std::string& bad :
         {token, "Basic " + token, "Bearer" + token, std::string("Bearer"), std::string(),
          "Bearer " + token + ", Bearer " + token, "Bearer \"" + token + "\"",
          "Bearer " + token.substr(1), "Bearer " + token + "x", "Token " + token}) {
        CAPTURE(bad);
        CHECK_FALSE(tokens->identify(bad));
    }
}

TEST_CASE("a token file is read again when it changes, and never opens up", "[control]") {
    penstock::configure_log(penstock::LogLevel::off, penstock::LogFormat::text);
    const Written file(std::string(first) + " one");
    auto tokens = TokenFile::open(file.path);
    REQUIRE(tokens);
    CHECK(name_of(*tokens, first) == "one");
    file.write(std::string(second) + " two");
    CHECK(name_of(*tokens, second) == "two");
    CHECK(name_of(*tokens, first) == "(nobody)");
    // Bad, empty, readable by all, gone: what was good stays.
    file.write("short");
    CHECK(name_of(*tokens, second) == "two");
    CHECK(name_of(*tokens, "short") == "(nobody)");
    file.write("");
    CHECK(name_of(*tokens, second) == "two");
    CHECK(name_of(*tokens, "") == "(nobody)");
    file.write(std::string(first) + " one", 0644);
    CHECK(name_of(*tokens, second) == "two");
    CHECK(name_of(*tokens, first) == "(nobody)");
    REQUIRE(::unlink(file.path.c_str()) == 0);
    CHECK(name_of(*tokens, second) == "two");
    CHECK(name_of(*tokens, first) == "(nobody)");
    file.write(std::string(first) + " again");
    CHECK(name_of(*tokens, first) == "again");
    penstock::configure_log(penstock::LogLevel::info, penstock::LogFormat::text);
}
