// Listeners over both engines: batches, one at a time, pausing, running out of descriptors,
// stopping.
#include <cerrno>
#include <vector>

#include <sys/resource.h>

#include "fixture.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;
using std::chrono::milliseconds;

namespace {

struct Acceptor {
    std::vector<int> accepted;
    AcceptMode mode = AcceptMode::batch;
    std::size_t most = 1'000;
    bool ended = false;
};

Task<void> accept_some(Listener& listener, Acceptor& acceptor) {
    while (acceptor.accepted.size() < acceptor.most) {
        const int fd = co_await listener.accept(acceptor.mode);
        acceptor.accepted.push_back(fd);
        if (fd < 0) break;
    }
    acceptor.ended = true;
}

struct Server {
    int fd;
    net::Address address;
    std::vector<int> clients;

    Server() {
        auto made = net::listen_on(*net::Address::parse("127.0.0.1", 0));
        REQUIRE(made);
        fd = *made;
        address = net::Address::local_of(fd);
    }
    ~Server() {
        for (const int client : clients) ::close(client);
        ::close(fd);
    }
    void connect(int count) {
        for (int i = 0; i < count; ++i) {
            clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(clients.back(), address.data(), address.size()) == 0);
        }
    }
};

void close_all(const std::vector<int>& fds) {
    for (const int fd : fds) {
        if (fd >= 0) ::close(fd);
    }
}

}  // namespace

TEST_CASE("a batch of connections is accepted, and interrupt ends the acceptor") {
    auto ring = make_ring(each_engine());
    Server server;
    Acceptor acceptor;
    {
        Listener listener(*ring, server.fd);
        spawn(accept_some(listener, acceptor));
        server.connect(100);
        run_until(*ring, [&] { return acceptor.accepted.size() == 100; });
        listener.interrupt();
        run_until(*ring, [&] { return acceptor.ended; });
    }
    CHECK(acceptor.accepted.back() == -ECANCELED);
    close_all(acceptor.accepted);
}

TEST_CASE("in single mode nothing is taken that was not asked for") {
    auto ring = make_ring(each_engine());
    Server server;
    Acceptor acceptor{.accepted = {}, .mode = AcceptMode::single, .most = 3};
    Listener listener(*ring, server.fd);
    spawn(accept_some(listener, acceptor));
    server.connect(10);
    run_until(*ring, [&] { return acceptor.ended; });
    for (int i = 0; i < 10; ++i) {
        ring->wait(ring->now() + milliseconds(1));
        ring->run_ready();
    }
    CHECK(acceptor.accepted.size() == 3);
    // The other seven are still the kernel's: a second acceptor finds them.
    acceptor.most = 10;
    acceptor.ended = false;
    spawn(accept_some(listener, acceptor));
    run_until(*ring, [&] { return acceptor.accepted.size() == 10; });
    close_all(acceptor.accepted);
}

TEST_CASE("a paused listener takes nothing and goes on afterwards") {
    auto ring = make_ring(each_engine());
    Server server;
    Acceptor acceptor{.accepted = {}, .mode = AcceptMode::batch, .most = 1};
    Listener listener(*ring, server.fd);
    spawn(accept_some(listener, acceptor));
    server.connect(1);
    run_until(*ring, [&] { return acceptor.ended; });
    listener.pause();
    ring->wait(ring->now() + milliseconds(5));
    server.connect(5);
    acceptor.ended = false;
    acceptor.most = 6;
    spawn(accept_some(listener, acceptor));
    run_until(*ring, [&] { return acceptor.ended; });
    CHECK(acceptor.accepted.size() == 6);
    close_all(acceptor.accepted);
}

TEST_CASE("out of descriptors: the acceptor is told, and goes on once there are some") {
    auto ring = make_ring(each_engine());
    Server server;
    server.connect(2);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int next = ::dup(0);
    ::close(next);
    rlimit low{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    Acceptor acceptor;
    Listener listener(*ring, server.fd);
    spawn(accept_some(listener, acceptor));
    run_until(*ring, [&] { return acceptor.ended; });
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(acceptor.accepted == std::vector<int>{-EMFILE});
    acceptor = {};
    acceptor.most = 2;
    spawn(accept_some(listener, acceptor));
    run_until(*ring, [&] { return acceptor.ended; });
    CHECK(acceptor.accepted.size() == 2);
    close_all(acceptor.accepted);
}
