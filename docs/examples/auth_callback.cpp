// A program with a proxy inside that decides itself who may pass: whoever knows the key in its
// first argument. What may pass goes to a port of this machine, until the program's input ends.
//
//   g++ -std=c++20 auth_callback.cpp -o auth_callback $(pkg-config --cflags --libs penstock)
//   ./auth_callback open-sesame 3000
//   curl -H 'Host: a.example' -H 'X-Api-Key: open-sesame' http://127.0.0.1:8080/
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <penstock/penstock.hpp>

namespace {

int fail(const penstock::Error& error) {
    std::fprintf(stderr, "auth_callback: %s\n", error.message.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return fail({"usage: auth_callback KEY PORT_OF_THE_BACKEND"});
    const std::string key = argv[1];

    penstock::ProxyManager proxy{penstock::ProxyOptions{.port = 8080, .address = "127.0.0.1"}};
    if (const auto started = proxy.start(); !started) return fail(started.error());

    // Runs on an auth thread of the proxy. What takes long is left to a thread of the program,
    // which keeps the reply; the request waits for 500 ms at most.
    penstock::AuthCallback callback;
    callback.id = "api-keys";
    callback.timeout = std::chrono::milliseconds(500);
    callback.challenge = "ApiKey realm=\"example\"";
    callback.check = [key](const penstock::AuthRequest& request, const penstock::AuthReply& reply) {
        const std::string given(request.field("X-Api-Key"));
        std::thread([key, given, reply] {
            if (given.empty())
                reply.refuse();  // 401
            else if (given != key)
                reply.forbid();  // 403
            else
                reply.allow();
        }).detach();
    };
    if (const auto set = proxy.router().set_auth_callback(callback); !set) return fail(set.error());

    penstock::RouteConfig route;
    route.v_host = "a.example";
    route.auth_provider = "api-keys";
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
    route.backends.push_back({.hostname = "127.0.0.1", .port = port});
    if (const auto added = proxy.router().add_route(route); !added) return fail(added.error());

    std::printf("serving at http://127.0.0.1:%u/\n", proxy.port());
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    proxy.stop();
}
