// An auth provider that is the embedding program: asked, answered at once, later, or never.
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <netinet/in.h>
#include <penstock/penstock.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.hpp"
#include "net/listen.hpp"

using namespace penstock;
using namespace std::chrono_literals;

namespace {

/// What one request is answered, to the end of its connection.
std::string ask(std::uint16_t port, const std::string& fields) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = *net::Address::parse("127.0.0.1", port);
    REQUIRE(::connect(fd, address.data(), address.size()) == 0);
    const std::string text =
        "GET /in?x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n" + fields + "\r\n";
    REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    std::string got;
    char buffer[4096];
    for (ssize_t size = 0; (size = ::recv(fd, buffer, sizeof(buffer), 0)) > 0;)
        got.append(buffer, static_cast<std::size_t>(size));
    ::close(fd);
    return got;
}

std::string status_of(const std::string& answer) {
    return answer.substr(answer.find(' ') + 1, 3);
}

/// A proxy whose one route has no backend: who has passed gets 502 or 503 of another kind.
struct Fixture {
    Fixture() : proxy(ProxyOptions{.port = 0, .address = "127.0.0.1", .workers = 1}) {
        REQUIRE(proxy.start());
    }
    void guard(AuthCallback callback) {
        REQUIRE(proxy.router().set_auth_callback(std::move(callback)));
        RouteConfig route;
        route.v_host = "a.example";
        route.auth_provider = "mine";
        REQUIRE(proxy.router().set_route(route));
    }
    std::string get(const std::string& fields = "") { return ask(proxy.port(), fields); }
    static bool has_passed(const std::string& answer) {
        return answer.find("no backend") != std::string::npos;
    }

    ProxyManager proxy;
};

}  // namespace

TEST_CASE("an auth callback sees the request, and its answer counts", "[threads]") {
    std::mutex mutex;
    AuthRequest seen;  // written on an auth thread, which ends with the fixture
    Fixture fixture;
    fixture.guard({.id = "mine",
                   .check =
                       [&](const AuthRequest& request, AuthReply reply) {
                           {
                               const std::lock_guard lock(mutex);
                               seen = request;
                           }
                           const auto key = request.field("x-KEY");
                           if (key == "good") return reply.allow();
                           if (key == "bad") return reply.refuse();
                           if (key == "known") return reply.forbid();
                           if (key == "odd") throw std::runtime_error("odd");
                           if (key == "twice") {
                               reply.refuse();
                               reply.allow();
                           }
                       },
                   .challenge = "Key realm=\"ours\""});
    CHECK(Fixture::has_passed(fixture.get("X-Key: good\r\n")));
    {
        const std::lock_guard lock(mutex);
        CHECK(seen.method == "GET");
        CHECK(seen.target == "/in?x");
        CHECK(seen.host == "a.example");
        CHECK(seen.client == "127.0.0.1");
    }
    // What Connection takes away does not reach the backend: it is judged without it, too.
    CHECK(status_of(fixture.get("Connection: x-key\r\nX-Key: good\r\n")) == "503");
    {
        const std::lock_guard lock(mutex);
        CHECK(seen.field("x-key").empty());
    }
    const std::string refused = fixture.get("X-Key: bad\r\n");
    CHECK(status_of(refused) == "401");
    CHECK(refused.find("WWW-Authenticate: Key realm=\"ours\"\r\n") != std::string::npos);
    CHECK(status_of(fixture.get("X-Key: twice\r\n")) == "401");
    CHECK(status_of(fixture.get("X-Key: known\r\n")) == "403");
    for (const char* key : {"odd", "silent"}) {
        const std::string failed = fixture.get("X-Key: " + std::string(key) + "\r\n");
        CHECK(status_of(failed) == "503");
        CHECK_FALSE(Fixture::has_passed(failed));
    }
}

TEST_CASE("an auth callback may answer later, from another thread, or too late", "[threads]") {
    std::mutex mutex;
    std::optional<AuthReply> kept;
    {
        Fixture fixture;
        fixture.guard({.id = "mine", .check = [](const AuthRequest&, AuthReply reply) {
                           std::thread([reply] { reply.allow(); }).detach();
                       }});
        CHECK(Fixture::has_passed(fixture.get()));
        fixture.guard({.id = "mine",
                       .check =
                           [&](const AuthRequest&, AuthReply reply) {
                               const std::lock_guard lock(mutex);
                               kept.emplace(std::move(reply));
                           },
                       .timeout = 1s});
        const std::string late = fixture.get();
        CHECK(status_of(late) == "503");
        CHECK_FALSE(Fixture::has_passed(late));
        const std::lock_guard lock(mutex);
        REQUIRE(kept.has_value());
        kept->allow();  // too late
    }
    kept->allow();  // the proxy is gone
}

TEST_CASE("without its callback a route lets nobody in", "[threads]") {
    Fixture fixture;
    RouteConfig route;
    route.v_host = "b.example";
    route.auth_provider = "mine";
    CHECK_FALSE(fixture.proxy.router().add_route(route));
    fixture.guard(
        {.id = "mine", .check = [](const AuthRequest&, AuthReply reply) { reply.allow(); }});
    CHECK(Fixture::has_passed(fixture.get()));
    REQUIRE(fixture.proxy.router().remove_auth_callback("mine"));
    const std::string missing = fixture.get();
    CHECK(status_of(missing) == "503");
    CHECK_FALSE(Fixture::has_passed(missing));
    CHECK_FALSE(fixture.proxy.router().remove_auth_callback("mine"));
    CHECK_FALSE(fixture.proxy.router().set_auth_callback({.id = "mine", .check = nullptr}));
    CHECK_FALSE(fixture.proxy.router().set_auth_callback(
        {.id = "mine", .check = [](const AuthRequest&, AuthReply) {}, .challenge = "a\r\nb: c"}));
}

TEST_CASE("an embedding program keeps stored providers, too", "[threads]") {
    Fixture fixture;
    Router& router = fixture.proxy.router();
    AuthProviderConfig provider{.id = "ci", .method = BearerAuth{}};
    std::get<BearerAuth>(provider.method).tokens = {
        {.name = "a", .token = "open-sesame", .sha256 = {}}};
    REQUIRE(router.set_auth_provider(provider));
    CHECK_FALSE(
        router.set_auth_callback({.id = "ci", .check = [](const AuthRequest&, AuthReply) {}}));
    RouteConfig route;
    route.v_host = "a.example";
    route.auth_provider = "ci";
    REQUIRE(router.add_route(route));
    CHECK(status_of(fixture.get()) == "401");
    CHECK(Fixture::has_passed(fixture.get("Authorization: Bearer open-sesame\r\n")));
    CHECK_FALSE(router.remove_auth_provider("ci"));
    REQUIRE(router.remove_route("a.example"));
    REQUIRE(router.remove_auth_provider("ci"));
    CHECK_FALSE(router.remove_auth_provider("ci"));
    provider.method = BasicAuth{.users = {{"ann", "$apr1$x$y"}}};
    const auto refused = router.set_auth_provider(provider);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("htpasswd -B") != std::string::npos);
}
