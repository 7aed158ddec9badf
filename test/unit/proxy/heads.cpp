// What goes to the next hop: the heads that we write, from heads that we read.
#include <deque>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

#include "http/h1/parser.hpp"
#include "http/h1/writer.hpp"
#include "proxy/forwarded_headers.hpp"
#include "proxy/own_response.hpp"

using namespace penstock;
using namespace penstock::proxy;
using http::h1::HeadBuffer;
using http::h1::Parser;

namespace {

struct Forwarded {
    std::string text;

    bool has(std::string_view line) const {
        return text.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
    }
    std::size_t count(std::string_view name) const {
        std::size_t found = 0;
        const std::string needle = "\r\n" + std::string(name) + ":";
        for (auto at = text.find(needle); at != std::string::npos; at = text.find(needle, at + 1))
            ++found;
        return found;
    }
};

Settings settings_with(const char* trusted) {
    Settings settings;
    settings.node_name = "node";
    if (trusted != nullptr) settings.trusted_proxies.push_back(*net::Network::parse(trusted));
    return settings;
}

Forwarded forward(const std::string& given, const char* trusted = nullptr) {
    static std::deque<std::string> kept;
    const std::string& bytes = kept.emplace_back(given);
    Parser parser(Parser::Role::requests);
    http::RequestHead head;
    REQUIRE_FALSE(parser.parse_request(bytes, {}, head));
    const Settings settings = settings_with(trusted);
    const Peer peer(*net::Address::parse("10.0.0.9", 1), settings);
    Random random(1);
    snapshot::Route route;
    route.upgrades = {"websocket"};
    RequestIdentity identity(head, peer, settings, random);
    io::BufferPool pool;
    HeadBuffer out(pool);
    write_upstream_head(out, head, {settings, route, identity, allowed_upgrade(head, route)});
    return {std::string(out.bytes())};
}

const std::string get = "GET /p?q HTTP/1.1\r\nHost: A.example:81\r\n";

/// What a guarded route's backend is sent; `auth`: that has let the request pass.
std::string forward_guarded(const std::string& bytes, snapshot::AuthProviderPtr auth) {
    Parser parser(Parser::Role::requests);
    http::RequestHead head;
    REQUIRE_FALSE(parser.parse_request(bytes, {}, head));
    const Settings settings = settings_with(nullptr);
    const Peer peer(*net::Address::parse("10.0.0.9", 1), settings);
    Random random(1);
    snapshot::Route route;
    route.is_guarded = true;
    route.auth = std::move(auth);
    RequestIdentity identity(head, peer, settings, random);
    io::BufferPool pool;
    HeadBuffer out(pool);
    write_upstream_head(out, head, {settings, route, identity, {}});
    return std::string(out.bytes());
}

}  // namespace

TEST_CASE("credentials for a guard end here, unless its provider forwards them") {
    const std::string given =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization\r\n"
        "aUTHORIZATION: Basic eDp5\r\nX-Kept: 1\r\n\r\n";
    AuthProviderConfig config{.id = "p", .method = BasicAuth{}};
    for (const auto& auth : {snapshot::compile(config), snapshot::AuthProviderPtr()}) {
        const std::string sent = forward_guarded(given, auth);
        CHECK(sent.find("eDp5") == std::string::npos);
        CHECK(sent.find("X-Kept: 1\r\n") != std::string::npos);
    }
    config.forward_credentials = true;
    CHECK(forward_guarded(given, snapshot::compile(config)).find("aUTHORIZATION: Basic eDp5\r\n") !=
          std::string::npos);
    CHECK(forward(given).has("aUTHORIZATION: Basic eDp5"));
}

TEST_CASE("what a hook grants is not a client's to say, however a backend reads the name") {
    AuthProviderConfig config{.id = "p", .method = HttpAuth{}};
    auto& hook = std::get<HttpAuth>(config.method);
    hook.url = "http://127.0.0.1:1/";
    hook.copy_headers = {"X-User", "X_Role"};
    const auto auth = snapshot::compile(config);
    const std::string sent = forward_guarded(
        "GET / HTTP/1.1\r\nHost: a\r\nX_User: evil\r\nx-uSER: evil\r\nX-Role: evil\r\n"
        "x_role: evil\r\nX_Users: kept\r\n\r\n",
        auth);
    CHECK(sent.find("evil") == std::string::npos);
    CHECK(sent.find("X_Users: kept\r\n") != std::string::npos);

    snapshot::Route route;
    route.auth = auth;
    route.request_edits = snapshot::FieldEdits({{"X-Tenant", "7"}, {"X-Gone", {}}}, "a");
    CHECK(kept_trailers("x_user: evil\r\nX-Sum: 1\r\nX-Role: evil\r\nx-tenant: evil\r\n"
                        "X_Gone: evil\r\nX_Real_IP: evil\r\nX-Users: 2\r\n",
                        route) == "X-Sum: 1\r\nX-Users: 2\r\n");
    CHECK(kept_trailers("X-User: 1\r\n", snapshot::Route()) == "X-User: 1\r\n");
}

TEST_CASE("an untrusted peer's forwarding fields are replaced") {
    const Forwarded head =
        forward(get +
                "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
                "X-Forwarded-Host: evil\r\nX-Request-ID: forged\r\nProxy: x\r\nX-Kept: 1\r\n"
                "X_Forwarded_For: forged\r\nx-real_ip: forged\r\nX_REQUEST_ID: forged\r\n"
                "X_Forwarded-Proto: forged\r\nX-Forwarded_Host: forged\r\n\r\n");
    CHECK(head.text.starts_with("GET /p?q HTTP/1.1\r\nHost: A.example:81\r\n"));
    CHECK(head.has("X-Forwarded-For: 10.0.0.9"));
    CHECK(head.has("X-Real-IP: 10.0.0.9"));
    CHECK(head.has("X-Forwarded-Proto: http"));
    CHECK(head.has("X-Forwarded-Host: A.example:81"));
    CHECK(head.has("X-Kept: 1"));
    CHECK(head.has("Via: 1.1 node"));
    CHECK(head.count("X-Request-ID") == 1);
    CHECK(head.text.find("forged") == std::string::npos);
    CHECK(head.text.find("Proxy: ") == std::string::npos);
    CHECK(head.text.ends_with("\r\n\r\n"));
}

TEST_CASE("a trusted peer's are believed, and the peer is appended") {
    const Forwarded head =
        forward(get +
                    "X-Forwarded-For: 1.2.3.4, 10.1.1.1\r\nX-Forwarded-Proto: https\r\n"
                    "X-Forwarded-Host: outer\r\nX-Request-ID: abc-1\r\n\r\n",
                "10.0.0.0/8");
    CHECK(head.has("X-Forwarded-For: 1.2.3.4, 10.1.1.1, 10.0.0.9"));
    CHECK(head.has("X-Real-IP: 1.2.3.4"));
    CHECK(head.has("X-Forwarded-Proto: https"));
    CHECK(head.has("X-Forwarded-Host: outer"));
    CHECK(head.has("X-Request-ID: abc-1"));
}

TEST_CASE("the client is the nearest hop that no trusted proxy is") {
    const auto client = [](const std::string& chain, const char* trusted = "10.0.0.0/8") {
        const std::string text = forward(get + chain + "\r\n", trusted).text;
        const std::size_t at = text.find("\r\nX-Real-IP: ") + 13;
        return text.substr(at, text.find("\r\n", at) - at);
    };
    CHECK(client("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.1.1\r\n") == "2.2.2.2");
    CHECK(client("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n") == "2.2.2.2");
    CHECK(client("X-Forwarded-For: 10.2.2.2, 10.1.1.1\r\n") == "10.2.2.2");
    CHECK(client("X-Forwarded-For: 2.2.2.2:8080\r\n") == "2.2.2.2");
    CHECK(client("X-Forwarded-For: 2001:db8::1\r\n") == "2001:db8::1");
    CHECK(client("X-Forwarded-For: [2001:db8::1]:443, 10.1.1.1\r\n") == "2001:db8::1");
    CHECK(client("X-Forwarded-For: [2001:db8::1]\r\n") == "2001:db8::1");
    // What is no address says nothing: whoever told of it is the nearest that is known.
    CHECK(client("X-Forwarded-For: 1.1.1.1, unknown\r\n") == "10.0.0.9");
    CHECK(client("X-Forwarded-For: 1.1.1.1, _hidden, 10.1.1.1\r\n") == "10.1.1.1");
    CHECK(client("X-Forwarded-For: unknown, 2.2.2.2, 10.1.1.1\r\n") == "2.2.2.2");
    CHECK(client("X-Forwarded-For: [\r\n") == "10.0.0.9");
    CHECK(client("X-Forwarded-For: " + std::string(300, '1') + "\r\n") == "10.0.0.9");
    // X-Real-IP counts where there is no chain.
    CHECK(client("X-Real-IP: 3.3.3.3\r\n") == "3.3.3.3");
    CHECK(client("X-Real-IP: 3.3.3.3\r\nX-Forwarded-For: 2.2.2.2\r\n") == "2.2.2.2");
    CHECK(client("X-Real-IP: nobody\r\n") == "10.0.0.9");
    CHECK(client("") == "10.0.0.9");
    CHECK(client("X-Forwarded-For: 2.2.2.2\r\nX-Real-IP: 3.3.3.3\r\n", nullptr) == "10.0.0.9");
}

TEST_CASE("absolute-form goes on as origin-form with its own Host") {
    CHECK(forward("GET http://b.example:8/x HTTP/1.1\r\nHost: a\r\n\r\n")
              .text.starts_with("GET /x HTTP/1.1\r\nHost: b.example:8\r\n"));
    CHECK(forward("GET http://b?x HTTP/1.1\r\nHost: a\r\n\r\n")
              .text.starts_with("GET /?x HTTP/1.1\r\n"));
    CHECK(
        forward("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").text.starts_with("GET / HTTP/1.1\r\n"));
    CHECK(forward("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n")
              .text.starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST_CASE("hop-by-hop fields are made anew") {
    const Forwarded head =
        forward(get +
                "Connection: Upgrade, X-Mine, TE\r\nUpgrade: h2c, WebSocket\r\nX-Mine: 1\r\n"
                "TE: trailers, gzip\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(head.has("Connection: upgrade, TE"));
    CHECK(head.has("Upgrade: WebSocket"));
    CHECK(head.has("TE: trailers"));
    CHECK(head.has("Transfer-Encoding: chunked"));
    CHECK(head.count("X-Mine") == 0);
    CHECK(head.count("Keep-Alive") == 0);
    CHECK(forward(get + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n").count("Upgrade") == 0);
}

TEST_CASE("Max-Forwards counts down on OPTIONS alone") {
    CHECK(
        forward("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 7\r\n\r\n").has("Max-Forwards: 6"));
    CHECK(forward(get + "Max-Forwards: 7\r\n\r\n").has("Max-Forwards: 7"));
}

TEST_CASE("an errno becomes the status and the error type of RFC 9209") {
    CHECK(response_to_failure(ECONNREFUSED).error == "connection_refused");
    CHECK(response_to_failure(ETIMEDOUT).status == http::Status::gateway_timeout);
    CHECK(response_to_failure(EMFILE).status == http::Status::service_unavailable);
    CHECK(response_to_failure(ECONNRESET).error == "connection_terminated");
    io::BufferPool pool;
    HeadBuffer out(pool);
    write_own_response(
        out, response_to_failure(ECONNREFUSED),
        {.node_name = "node", .date = "D", .keep_alive = true, .without_body = true});
    const std::string text(out.bytes());
    CHECK(text.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(text.find("Proxy-Status: node; error=connection_refused\r\n") != std::string::npos);
    CHECK(text.ends_with("\r\n\r\n"));
}
