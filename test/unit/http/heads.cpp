// Heads: what is taken, what is refused, and what is understood of it.
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "http/h1/head_scanner.hpp"
#include "http/h1/parser.hpp"

using namespace penstock;
using namespace penstock::http;
using namespace penstock::http::h1;

namespace {

/// 0 where the request is taken, else the status it is refused with.
/// The head's views point into `bytes`: they are kept until the test ends.
unsigned judge(const std::string& given, RequestHead& head) {
    static std::deque<std::string> kept;
    const std::string& bytes = kept.emplace_back(given);
    HeadScanner scanner;
    const auto outcome = scanner.scan(bytes);
    if (outcome == HeadScanner::Outcome::malformed) return 400;
    REQUIRE(outcome == HeadScanner::Outcome::complete);
    Parser parser(Parser::Role::requests);
    const auto refusal =
        parser.parse_request(std::string_view(bytes).substr(0, scanner.head_size()), {}, head);
    return refusal ? code(refusal->status) : 0;
}

unsigned judge(const std::string& bytes) {
    RequestHead head;
    return judge(bytes, head);
}

std::string get(const std::string& fields, const std::string& line = "GET / HTTP/1.1") {
    return line + "\r\nHost: a.example\r\n" + fields + "\r\n";
}

bool takes_response(const std::string& bytes, Method method = Method::get) {
    HeadScanner scanner;
    if (scanner.scan(bytes) != HeadScanner::Outcome::complete) return false;
    Parser parser(Parser::Role::responses);
    ResponseHead head;
    return !parser.parse_response(std::string_view(bytes).substr(0, scanner.head_size()), method,
                                  head);
}

}  // namespace

TEST_CASE("the scanner finds the end wherever the bytes are cut") {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: \ty\r\n\r\nbody";
    for (std::size_t cut = 0; cut <= head.size(); ++cut) {
        HeadScanner scanner;
        const auto first = scanner.scan(std::string_view(head).substr(0, cut));
        if (cut >= head.size() - 4) {
            CHECK(first == HeadScanner::Outcome::complete);
        } else {
            CHECK(first == HeadScanner::Outcome::incomplete);
            CHECK(scanner.scan(head) == HeadScanner::Outcome::complete);
        }
        CHECK(scanner.head_size() == head.size() - 4);
    }
}

TEST_CASE("bytes that have no place in a head are refused at once") {
    const std::vector<std::string> bad = {
        std::string("GET / HTTP/1.1\r\nX: a\0b\r\n", 24),
        "GET / HTTP/1.1\nHost: a\r\n",
        "GET / HTTP/1.1\r\nX: a\rb\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n folded\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n\tfolded\r\n",
        "GET / HTTP/1.1\r\n folded\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nX: \x7f\r\n",
        "GET / HTTP/1.1\r\nX: 0123456789abcdef\x01\r\n",
        "\r\nGET / HTTP/1.1\r\n",
    };
    for (const auto& bytes : bad) {
        INFO(bytes);
        HeadScanner scanner;
        CHECK(scanner.scan(bytes) == HeadScanner::Outcome::malformed);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            scanner.reset();
            const auto first = scanner.scan(std::string_view(bytes).substr(0, cut));
            CHECK(first != HeadScanner::Outcome::complete);
            if (first == HeadScanner::Outcome::incomplete)
                CHECK(scanner.scan(bytes) == HeadScanner::Outcome::malformed);
        }
    }
}

TEST_CASE("request lines") {
    CHECK(judge(get("")) == 0);
    CHECK(judge(get("", "GET /a%20b?c=d&e HTTP/1.0")) == 0);
    CHECK(judge(get("", "M-SEARCH / HTTP/1.1")) == 0);
    CHECK(judge(get("", "OPTIONS * HTTP/1.1")) == 0);
    CHECK(judge(get("", "GET http://b.example/x HTTP/1.1")) == 0);
    for (const char* line :
         {"GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET /", "GET / http/1.1",
          "GET / HTTP/1.10", "GET * HTTP/1.1", "GET a/b HTTP/1.1", "G@T / HTTP/1.1",
          "GET / HTTP/0.9", "GET /a#b HTTP/1.1", "GET http:///x HTTP/1.1", "/ HTTP/1.1"}) {
        INFO(line);
        CHECK(judge(get("", line)) == 400);
    }
    CHECK(judge(get("", "GET / HTTP/1.2")) == 505);
    CHECK(judge(get("", "GET / HTTP/2.0")) == 505);
    CHECK(judge(get("", "PRI * HTTP/2.0")) == 505);
    CHECK(judge(get("", "FROBNICATE / HTTP/1.1")) == 501);
    CHECK(judge(get("", "get / HTTP/1.1")) == 501);
    CHECK(judge(get("", "DESCRIBE / HTTP/1.1")) == 501);
    CHECK(judge(get("", "GET /" + std::string(8 * 1024, 'a') + " HTTP/1.1")) == 414);
}

TEST_CASE("lengths that two parties could read differently are refused") {
    CHECK(judge(get("Content-Length: 0\r\n")) == 0);
    CHECK(judge(get("Content-Length: 9223372036854775807\r\n")) == 0);
    CHECK(judge(get("Transfer-Encoding: chunked\r\n")) == 0);
    CHECK(judge(get("Transfer-Encoding: CHUNKED\r\n")) == 0);
    for (const char* fields : {"Content-Length: 1\r\nContent-Length: 1\r\n",
                               "Content-Length: 1, 1\r\n",
                               "Content-Length: +1\r\n",
                               "Content-Length: 0x1\r\n",
                               "Content-Length: \r\n",
                               "Content-Length: 1 2\r\n",
                               "Content-Length: -1\r\n",
                               "Content-Length: 9223372036854775808\r\n",
                               "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding: gzip\r\n",
                               "Transfer-Encoding: chunked, gzip\r\n",
                               "Transfer-Encoding: chunked, chunked\r\n",
                               "Transfer-Encoding: \r\n",
                               "Transfer-Encoding: xchunked\r\n",
                               "Transfer-Encoding: identity\r\n",
                               "Transfer-Encoding: chunked;q=1\r\n",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding : chunked\r\n",
                               "Content-Length : 1\r\n",
                               "No colon\r\n",
                               ": empty\r\n",
                               "A b: c\r\n"}) {
        INFO(fields);
        CHECK(judge(get(fields)) == 400);
    }
    CHECK(judge(get("Transfer-Encoding: gzip, chunked\r\n")) == 501);
    CHECK(judge(get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")) == 501);
    CHECK(judge(get("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")) == 400);
}

TEST_CASE("hosts") {
    const auto host_of = [](const std::string& value) {
        RequestHead head;
        const std::string bytes = "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
        return judge(bytes, head) == 0 ? std::string(head.host()) : "refused";
    };
    CHECK(host_of("A.Example") == "a.example");
    CHECK(host_of("a.example:8080") == "a.example");
    CHECK(host_of("a.example.:80") == "a.example");
    CHECK(host_of("a.example:") == "a.example");
    CHECK(host_of("127.0.0.1") == "127.0.0.1");
    CHECK(host_of("[::1]:80") == "[::1]");
    for (const char* value : {"", "a,b", "u@a", "a:b", "a:65536", "a:80:80", "[::1", "[]", "[::1]x",
                              "a b", "a/b", ".", "..", "a..", "a..:80", "a%2eb", "[zz]"}) {
        INFO(value);
        CHECK(host_of(value) == "refused");
    }
    CHECK(judge("GET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(judge("GET / HTTP/1.0\r\n\r\n") == 400);
    CHECK(judge("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
    RequestHead head;
    CHECK(judge(get("", "GET http://User.Example:99/p?q HTTP/1.1"), head) == 0);
    CHECK(head.host() == "user.example");
    CHECK(head.path == "/p?q");
    CHECK(head.authority == "User.Example:99");
    CHECK(judge(get("", "GET http://u@a.example/ HTTP/1.1")) == 400);
}

TEST_CASE("too many fields are 431") {
    std::string fields;
    for (int i = 0; i < 99; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
    CHECK(judge(get(fields)) == 0);
    CHECK(judge(get(fields + "One: more\r\n")) == 431);
    for (int i = 0; i < 400; ++i) fields += "Y-" + std::to_string(i) + ": y\r\n";
    CHECK(judge(get(fields)) == 431);
}

TEST_CASE("persistence, expectations, trailers and upgrades are understood") {
    RequestHead head;
    REQUIRE(judge(get(""), head) == 0);
    CHECK(head.keep_alive);
    REQUIRE(judge(get("Connection: x, Close\r\n"), head) == 0);
    CHECK_FALSE(head.keep_alive);
    REQUIRE(judge(get("", "GET / HTTP/1.0"), head) == 0);
    CHECK_FALSE(head.keep_alive);
    REQUIRE(judge(get("Connection: keep-alive\r\n", "GET / HTTP/1.0"), head) == 0);
    CHECK(head.keep_alive);
    REQUIRE(judge(get("Connection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n"), head) ==
            0);
    CHECK(head.upgrade == "websocket");
    CHECK(head.accepts_trailers);
    REQUIRE(judge(get("Upgrade: websocket\r\n"), head) == 0);
    CHECK(head.upgrade.empty());
    REQUIRE(judge(get("Expect: 100-continue\r\nContent-Length: 3\r\n"), head) == 0);
    CHECK(head.expects_continue);
}

TEST_CASE("what Connection names ends here, but for what must pass") {
    RequestHead head;
    REQUIRE(
        judge(
            get("Connection: x-one, Host, Content-Length, Cookie, close\r\nX-One: 1\r\nX-Two: 2\r\n"
                "Cookie: c\r\nContent-Length: 0\r\nKeep-Alive: 3\r\n"),
            head) == 0);
    std::string kept;
    for (const auto& entry : head.fields) {
        if (!entry.dropped) kept += std::string(head.fields.name(entry)) + " ";
    }
    CHECK(kept == "Host X-Two Cookie Content-Length ");
}

TEST_CASE("responses are judged as strictly") {
    CHECK(takes_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    CHECK(takes_response("HTTP/1.0 200 \r\n\r\n"));
    CHECK(takes_response("HTTP/1.1 200\r\n\r\n"));
    CHECK(takes_response("HTTP/1.1 404 Not Found At All\r\nX: caf\xc3\xa9\r\n\r\n"));
    for (const char* bytes :
         {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
          "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
          "HTTP/1.1 099 Low\r\n\r\n", "garbage\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n",
          "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\nA: b\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"}) {
        INFO(bytes);
        CHECK_FALSE(takes_response(bytes));
    }
}
