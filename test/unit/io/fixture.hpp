// What every test of the loop needs: one ring of each engine in turn, and connected pairs of
// sockets.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/event.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/address.hpp"
#include "net/listen.hpp"

namespace penstock::io::testing {

/// Generates the engines that this machine has; to be called once a test case.
inline Engine each_engine() {
    return probe_uring() ? GENERATE(Engine::uring, Engine::epoll) : GENERATE(Engine::epoll);
}

inline std::unique_ptr<Ring> make_ring(Engine engine, const RingOptions& options = {}) {
    auto ring = Ring::create(engine, options);
    REQUIRE(ring);
    return std::move(*ring);
}

/// Turns the loop until `done`; fails the test after ten seconds.
template <class Done>
void run_until(Ring& ring, Done&& done) {
    const TimePoint limit = Clock::now() + std::chrono::seconds(10);
    ring.run_ready();
    while (!done()) {
        REQUIRE(Clock::now() < limit);
        ring.wait(Clock::now() + std::chrono::milliseconds(100));
        ring.run_ready();
    }
}

/// One end is the ring's, the other a plain descriptor that the test drives by hand.
struct Pair {
    Socket* socket = nullptr;
    int peer = -1;

    explicit Pair(Ring& ring) {
        const auto listener = net::listen_on(*net::Address::parse("127.0.0.1", 0));
        REQUIRE(listener);
        const net::Address address = net::Address::local_of(*listener);
        peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(peer, address.data(), address.size()) == 0);
        const int accepted =
            ::accept4(*listener, nullptr, nullptr,
                      SOCK_CLOEXEC | (ring.engine() == Engine::epoll ? SOCK_NONBLOCK : 0));
        REQUIRE(accepted >= 0);
        ::close(*listener);
        socket = &ring.adopt(accepted);
    }
    Pair(const Pair&) = delete;
    ~Pair() {
        if (socket != nullptr) socket->close();
        if (peer >= 0) ::close(peer);
    }

    void say(std::string_view text) const {
        REQUIRE(::send(peer, text.data(), text.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(text.size()));
    }
    void finish() const { ::shutdown(peer, SHUT_WR); }
    void reset() {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        ::close(std::exchange(peer, -1));
    }
};

/// What one receive brought, once `done`.
struct Outcome {
    std::string text;
    int error = 0;
    bool end = false;
    bool done = false;
};

inline Task<void> receive_into(Socket& socket, Outcome& outcome, TimePoint deadline,
                               ReceiveSize size) {
    Received received = co_await socket.receive(deadline, size);
    outcome.error = received.error;
    outcome.end = received.is_end();
    if (received.block) outcome.text = std::string(received.block->filled());
    outcome.done = true;
}

inline void start_receive(Socket& socket, Outcome& outcome, TimePoint deadline = never,
                          ReceiveSize size = ReceiveSize::small) {
    spawn(receive_into(socket, outcome, deadline, size));
}

inline Task<void> send_all(Socket& socket, std::string_view bytes, Duration stall_limit,
                           Outcome& outcome) {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    outcome.error = co_await socket.send(&piece, 1, stall_limit);
    outcome.done = true;
}

}  // namespace penstock::io::testing
