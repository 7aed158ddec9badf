#include "ctl/endpoint.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace penstock::ctl;

TEST_CASE("addresses of the API", "[ctl]") {
    struct Row {
        const char* text;
        bool is_tls;
        const char* host;
        int port;
        const char* authority;
        const char* url;
    };
    const Row row = GENERATE(
        Row{"http://127.0.0.1:9080", false, "127.0.0.1", 9080, "127.0.0.1:9080",
            "http://127.0.0.1:9080"},
        Row{"127.0.0.1:9081", false, "127.0.0.1", 9081, "127.0.0.1:9081", "http://127.0.0.1:9081"},
        Row{"https://admin.example/", true, "admin.example", 9080, "admin.example:9080",
            "https://admin.example:9080"},
        Row{"HTTPS://[::1]:443", true, "::1", 443, "[::1]:443", "https://[::1]:443"},
        Row{"localhost", false, "localhost", 9080, "localhost:9080", "http://localhost:9080"});
    CAPTURE(row.text);
    const auto endpoint = parse_endpoint(row.text);
    REQUIRE(endpoint);
    CHECK(endpoint->is_tls == row.is_tls);
    CHECK(endpoint->host == row.host);
    CHECK(endpoint->port == row.port);
    CHECK(endpoint->authority() == row.authority);
    CHECK(endpoint->url == row.url);
    CHECK_FALSE(endpoint->is_unix());
}

TEST_CASE("a Unix socket is spoken to as localhost", "[ctl]") {
    const auto endpoint = parse_endpoint("unix:/run/penstock/admin.sock");
    REQUIRE(endpoint);
    CHECK(endpoint->unix_path == "/run/penstock/admin.sock");
    CHECK(endpoint->authority() == "localhost");
    CHECK(endpoint->url == "unix:/run/penstock/admin.sock");
}

TEST_CASE("what is no address of the API is refused", "[ctl]") {
    const std::string text =
        GENERATE(as<std::string>{}, "", "http://", "http://:80", "http://a:0", "http://a:65536",
                 "http://a:x", "http://a:", "http://[::1", "http://[a]:80", "http://[::1]x",
                 "http://a/api/v1", "http://a?x", "ftp://a", "unix:", "http://a b", "http://a\nb",
                 "unix:" + std::string(108, 'a'));
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text));
}

TEST_CASE("a password in a URL is refused, and not repeated", "[ctl]") {
    const auto endpoint = parse_endpoint("http://root:hunter2@localhost:9080");
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().message.find("hunter2") == std::string::npos);
    CHECK(endpoint.error().message.find("--token-file") != std::string::npos);
}
