#include "control/config_file.hpp"

#include <cstdlib>
#include <fstream>

#include <unistd.h>

#include "fixture.hpp"

using namespace penstock::control;

namespace {

struct Fixture : ApiFixture {
    Fixture() {
        const int fd = ::mkstemp(path.data());
        REQUIRE(fd >= 0);
        ::close(fd);
    }
    ~Fixture() { ::unlink(path.c_str()); }

    ConfigErrors errors_of(std::string_view text) {
        std::ofstream(path, std::ios::binary) << text;
        const auto outcome = apply_config_file(path, FileUse::always, configuration, store);
        return outcome ? ConfigErrors{} : outcome.error();
    }

    std::string path = "/tmp/penstock-config-XXXXXX";
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a document's routes are the only ones", "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(errors_of(R"({"routes":[{"vHost":"b.example"},{"vHost":"*.c.example"}]})").empty());
    CHECK(served("a.example") == "none");
    CHECK(served("b.example") == "b.example");
    CHECK(served("x.c.example") == "*.c.example");
}

TEST_CASE_METHOD(Fixture, "a bad document changes nothing and says what is wrong", "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    CHECK(errors_of("{\n \"routes\": [,]\n}") == ConfigErrors{path + ":2:13: expected a value"});
    CHECK(errors_of(
              R"({"routes":[{"vHost":"b.example"},{"vHost":"c","retries":"x","timeout":1}]})") ==
          ConfigErrors{
              path + ":1:57: /routes/1/retries: must be a whole number, not a string",
              path + R"(:1:71: /routes/1/timeout: a duration needs a unit: "1ms" or "1s"?)"});
    CHECK(errors_of(R"({"routes":[{"vHost":"b"},{"vHost":"b"}]})") ==
          ConfigErrors{path + ":1:35: /routes/1/vHost: \"b\" is taken by /routes/0"});
    CHECK(errors_of("[]") == ConfigErrors{path + ":1:1: must be an object, not an array"});
    store.failure = "disk full";
    CHECK(errors_of(R"({"routes":[]})") == ConfigErrors{path + ": disk full"});
    CHECK(served("a.example") == "a.example");
    CHECK(configuration.routes().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a file that cannot be read is named", "[control]") {
    const auto missing =
        apply_config_file("/nowhere/x.json", FileUse::always, configuration, store);
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error() == ConfigErrors{"/nowhere/x.json: No such file or directory"});
    const auto folder = apply_config_file("/tmp", FileUse::always, configuration, store);
    REQUIRE_FALSE(folder.has_value());
    CHECK(folder.error() == ConfigErrors{"/tmp: Is a directory"});
}

TEST_CASE_METHOD(Fixture, "of very many errors a hundred at most are told one by one",
                 "[control]") {
    std::string twice;
    for (int i = 0; i < 150; ++i) {
        const std::string member = R"(,"x)" + std::to_string(i) + R"(":1)";
        twice += member + member;
    }
    const ConfigErrors errors = errors_of(R"({"routes":[{"vHost":"b.example")" + twice + "}]}");
    CHECK(errors.size() >= penstock::model::most_errors);
    CHECK(errors.size() <= penstock::model::most_errors + 1);
}
