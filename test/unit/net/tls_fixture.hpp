// What tests of TLS need: certificates made on the spot, and both ends of a connection on one loop.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "../io/fixture.hpp"
#include "certificate_maker.hpp"
#include "net/stream.hpp"
#include "net/tls/server_context.hpp"

namespace penstock::net::tls::testing {

/// A certificate for these names, signed by itself.
inline std::shared_ptr<const Certificate> make_certificate(const std::string& names,
                                                           const MadeKey& key = MadeKey::ec()) {
    auto parsed =
        Certificate::parse(issue(key, {.names = names}).pem(), key.pem(), std::time(nullptr));
    REQUIRE(parsed);
    return *parsed;
}

/// Serves the names that it was given certificates for.
class Names final : public CertificateSource {
  public:
    void serve(std::string name, std::shared_ptr<const Certificate> certificate) {
        served_.emplace_back(std::move(name),
                             std::vector<std::shared_ptr<const Certificate>>{certificate});
    }
    void also(std::shared_ptr<const Certificate> certificate) {
        served_.back().second.push_back(std::move(certificate));
    }
    Found certificates_for(std::string_view server_name) noexcept override {
        for (const auto& [name, certificates] : served_) {
            if (name == server_name) return certificates;
        }
        return {};
    }

  private:
    std::vector<std::pair<std::string, std::vector<std::shared_ptr<const Certificate>>>> served_;
};

/// A connection's two ends, both under TLS, on one loop.
struct Ends {
    explicit Ends(io::Ring& ring)
        : pair(ring), client(ring.adopt(pair.peer)), server(*pair.socket) {
        pair.peer = -1;
        pair.socket = nullptr;
        if (ring.engine() == io::Engine::epoll)
            ::fcntl(client.fd(), F_SETFL, ::fcntl(client.fd(), F_GETFL) | O_NONBLOCK);
    }
    ~Ends() {
        if (client_open) client.close();
        if (server_open) server.close();
    }
    void close_client() {
        client.close();
        client_open = false;
    }

    io::testing::Pair pair;
    Stream client;
    Stream server;
    bool client_open = true;
    bool server_open = true;
};

/// A client's side; `context` outlives it.
inline std::unique_ptr<Session> client_session(SSL_CTX* context, io::Socket& socket,
                                               const char* name) {
    OpensslPtr<SSL> ssl(SSL_new(context));
    if (name != nullptr) {  // SSL_set_tlsext_host_name(), whose macro casts as C does
        SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(name));
    }
    SSL_set_connect_state(ssl.get());
    return std::make_unique<Session>(socket, std::move(ssl));
}

struct Shaken {
    int client = -1;
    int server = -1;
    bool done() const { return client >= 0 && server >= 0; }
};

inline io::Task<void> shake(Session& session, int& outcome, TimePoint deadline) {
    outcome = co_await session.handshake(deadline);
}

/// Both handshakes, to their ends.
inline Shaken shake_hands(io::Ring& ring, Ends& ends) {
    Shaken shaken;
    const TimePoint deadline = ring.now() + std::chrono::seconds(8);
    io::spawn(shake(ends.server.session(), shaken.server, deadline));
    io::spawn(shake(ends.client.session(), shaken.client, deadline));
    // One that fails may leave the other waiting: its FIN tells.
    io::testing::run_until(ring, [&] {
        if (shaken.server > 0 && shaken.client < 0) ends.server.socket().shutdown_send();
        if (shaken.client > 0 && shaken.server < 0) ends.client.socket().shutdown_send();
        return shaken.done();
    });
    return shaken;
}

}  // namespace penstock::net::tls::testing
