// A program with a proxy inside. What asks for a.example, over plain HTTP or TLS, goes to a port of
// this machine, until the program's input ends. What the proxy tells of routes and backends goes to
// stderr.
//
//   g++ -std=c++20 embed.cpp -o embed $(pkg-config --cflags --libs penstock)
//   ./embed 3000 chain.pem key.pem
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <variant>

#include <penstock/penstock.hpp>

namespace {

int fail(const penstock::Error& error) {
    std::fprintf(stderr, "embed: %s\n", error.message.c_str());
    return 1;
}

/// Runs on the proxy's control thread: quick, and without calls that change routes.
void print(const penstock::Event& event) {
    const std::string name(penstock::name_of(event));
    if (const auto* dead = std::get_if<penstock::BackendDead>(&event)) {
        std::fprintf(stderr, "%s %s: %s\n", name.c_str(), dead->authority.c_str(),
                     dead->reason.c_str());
    } else if (const auto* created = std::get_if<penstock::RouteCreated>(&event)) {
        std::fprintf(stderr, "%s %s\n", name.c_str(), created->v_host.c_str());
    } else {
        std::fprintf(stderr, "%s\n", name.c_str());
    }
}

std::string contents_of(const char* file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return fail({"usage: embed PORT_OF_THE_BACKEND CHAIN_FILE KEY_FILE"});

    penstock::ProxyManager proxy{
        penstock::ProxyOptions{.port = 0, .address = "127.0.0.1", .ssl_port = 0}};
    proxy.on_event(print);
    if (const auto started = proxy.start(); !started) return fail(started.error());

    penstock::RouteConfig route;
    route.v_host = "a.example";
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
    route.backends.push_back({.hostname = "127.0.0.1", .port = port});
    if (const auto added = proxy.router().add_route(route); !added) return fail(added.error());

    const auto secured = proxy.router().add_certificate(
        {.domain = "a.example", .cert = contents_of(argv[2]), .key = contents_of(argv[3])});
    if (!secured) return fail(secured.error());

    std::printf("curl -H 'Host: a.example' http://127.0.0.1:%u/\n", proxy.port());
    std::printf("curl --cacert %s --connect-to a.example:443:127.0.0.1:%u https://a.example/\n",
                argv[2], proxy.ssl_port());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    proxy.stop();
}
