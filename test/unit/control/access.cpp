#include "control/access.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock::control;

namespace {

bool passes(std::optional<std::string_view> host, std::optional<std::string_view> origin = {},
            bool is_secured = false) {
    ApiRequest request;
    request.is_secured = is_secured;
    request.host = host;
    request.origin = origin;
    const AccessRules rules({"Admin.Example."});
    const auto refusal = rules.refuse(request);
    if (refusal) CHECK(refusal->status == penstock::http::Status::forbidden);
    return !refusal;
}

}  // namespace

TEST_CASE("the API answers to addresses, localhost and the names it was given", "[control]") {
    for (const char* host :
         {"127.0.0.1", "127.0.0.1:9080", "[::1]", "[::1]:9080", "192.0.2.7:1", "localhost",
          "LOCALHOST:9080", "localhost.", "admin.example", "ADMIN.example:443"}) {
        CAPTURE(host);
        CHECK(passes(host));
    }
}

TEST_CASE("a name that may point anywhere is refused", "[control]") {
    for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "",
                             ":80", "admin.example:x", "[::1", "[::1]x",
                             "[::1]:", "localhost:70000", "admin.example, localhost"}) {
        CAPTURE(host);
        CHECK_FALSE(passes(host));
    }
    CHECK_FALSE(passes(std::nullopt));
}

TEST_CASE("a browser's request comes from the API's own origin or not at all", "[control]") {
    CHECK(passes("localhost:9080", "http://localhost:9080"));
    CHECK(passes("Localhost:9080", "http://LOCALHOST:9080"));
    CHECK(passes("admin.example", "https://admin.example", true));
    CHECK_FALSE(passes("admin.example", "https://admin.example"));
    CHECK_FALSE(passes("admin.example", "http://admin.example", true));
    CHECK_FALSE(passes("localhost:9080", "http://localhost:9080/"));
    CHECK_FALSE(passes("localhost:9080", "http://localhost:9080, http://evil.example"));
    CHECK_FALSE(passes("localhost:9080", "HTTP://localhost:9080x"));
    CHECK_FALSE(passes("localhost:9080", "http://localhost:9081"));
    CHECK_FALSE(passes("localhost:9080", "http://localhost"));
    CHECK_FALSE(passes("localhost:9080", "http://evil.example"));
    CHECK_FALSE(passes("localhost:9080", "null"));
    CHECK_FALSE(passes("localhost:9080", ""));
    CHECK_FALSE(passes("localhost:9080", "file://localhost:9080"));
    CHECK_FALSE(passes("localhost:9080", "http://127.0.0.1:9080"));
}
