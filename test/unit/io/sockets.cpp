// Sockets over both engines: bytes, ends, deadlines, interruptions, and what nobody awaits.
#include <algorithm>
#include <cerrno>
#include <thread>
#include <vector>

#include <fcntl.h>

#include "fixture.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;
using std::chrono::milliseconds;

TEST_CASE("bytes arrive in order and a FIN is an end without error") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Outcome first;
    start_receive(*pair.socket, first);
    CHECK_FALSE(first.done);
    pair.say("hello");
    run_until(*ring, [&] { return first.done; });
    CHECK(first.text == "hello");

    pair.say("again");
    pair.finish();
    Outcome second;
    start_receive(*pair.socket, second);
    run_until(*ring, [&] { return second.done; });
    CHECK(second.text == "again");
    Outcome end;
    start_receive(*pair.socket, end);
    run_until(*ring, [&] { return end.done; });
    CHECK(end.end);
    CHECK(pair.socket->input_ended());
    CHECK(pair.socket->input_error() == 0);
}

TEST_CASE("a reset is an error for the receiver") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Outcome outcome;
    start_receive(*pair.socket, outcome);
    ring->wait(ring->now());
    pair.reset();
    run_until(*ring, [&] { return outcome.done; });
    CHECK(outcome.error == ECONNRESET);
}

TEST_CASE("a receive ends at its deadline and the socket lives on") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Outcome late;
    start_receive(*pair.socket, late, ring->now() + milliseconds(20));
    run_until(*ring, [&] { return late.done; });
    CHECK(late.error == ETIMEDOUT);
    pair.say("later");
    Outcome next;
    start_receive(*pair.socket, next);
    run_until(*ring, [&] { return next.done; });
    CHECK(next.text == "later");
}

TEST_CASE("the deadline of a receive under way can be moved") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Outcome outcome;
    start_receive(*pair.socket, outcome, never);
    pair.socket->set_receive_deadline(ring->now() + milliseconds(10));
    run_until(*ring, [&] { return outcome.done; });
    CHECK(outcome.error == ETIMEDOUT);
}

TEST_CASE("interrupt ends what waits and what comes later, cancel_receive only what waits") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Outcome cancelled;
    start_receive(*pair.socket, cancelled);
    pair.socket->cancel_receive(ECANCELED);
    run_until(*ring, [&] { return cancelled.done; });
    CHECK(cancelled.error == ECANCELED);

    Outcome waiting;
    start_receive(*pair.socket, waiting);
    pair.socket->interrupt(EPIPE);
    run_until(*ring, [&] { return waiting.done; });
    CHECK(waiting.error == EPIPE);
    Outcome later;
    start_receive(*pair.socket, later);
    CHECK(later.done);
    CHECK(later.error == EPIPE);
}

TEST_CASE(
    "a send that the peer does not read ends with its stall limit, or when it is interrupted") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    const std::string bytes(64 * 1024 * 1024, 'x');
    Outcome outcome;
    const bool by_interrupt = GENERATE(false, true);
    spawn(send_all(*pair.socket, bytes, by_interrupt ? std::chrono::seconds(60) : milliseconds(50),
                   outcome));
    ring->wait(ring->now() + milliseconds(5));
    ring->run_ready();
    if (by_interrupt) {
        CHECK_FALSE(outcome.done);
        pair.socket->interrupt(ECANCELED);
    }
    run_until(*ring, [&] { return outcome.done; });
    CHECK(outcome.error == (by_interrupt ? ECANCELED : ETIMEDOUT));
}

namespace {

/// A peer that sends back what it gets, until it gets no more.
std::thread echo_peer(int fd) {
    return std::thread([fd] {
        std::vector<char> buffer(256 * 1024);
        for (;;) {
            const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (got <= 0) break;
            for (ssize_t sent = 0; sent < got;) {
                const ssize_t put = ::send(fd, buffer.data() + sent,
                                           static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
                if (put <= 0) return;
                sent += put;
            }
        }
        ::shutdown(fd, SHUT_WR);
    });
}

Task<void> collect(Socket& socket, std::string& all, Outcome& outcome) {
    for (unsigned turn = 0;; ++turn) {
        const ReceiveSize size = turn / 8 % 2 == 0 ? ReceiveSize::small : ReceiveSize::large;
        Received received =
            co_await socket.receive(socket.ring().now() + std::chrono::seconds(10), size);
        outcome.error = received.error;
        if (!received.block) break;
        all += received.block->filled();
    }
    outcome.done = true;
}

}  // namespace

TEST_CASE("small and large receives in turn lose and swap no byte") {
    auto ring = make_ring(each_engine(), {.first_receive_blocks = 2});
    Pair pair(*ring);
    std::string bytes(16 * 1024 * 1024, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
    std::thread peer = echo_peer(pair.peer);
    std::string back;
    Outcome sent;
    Outcome collected;
    spawn(collect(*pair.socket, back, collected));
    spawn(send_all(*pair.socket, bytes, std::chrono::seconds(10), sent));
    run_until(*ring, [&] { return sent.done; });
    pair.socket->shutdown_send();
    run_until(*ring, [&] { return collected.done; });
    peer.join();
    CHECK(collected.error == 0);
    CHECK(back == bytes);
}

namespace {

struct Watcher final : SocketWatcher {
    int calls = 0;
    void on_unawaited_input(Socket&) override { ++calls; }
};

}  // namespace

TEST_CASE("a watcher hears of bytes, of a FIN and of a reset that nobody awaits") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Watcher watcher;
    pair.socket->watch(&watcher);
    pair.socket->expect_input();

    SECTION("bytes") {
        pair.say("unasked");
        run_until(*ring, [&] { return watcher.calls > 0; });
        CHECK(pair.socket->has_pending());
        CHECK_FALSE(pair.socket->input_ended());
    }
    SECTION("a FIN, and the reset that follows it") {
        pair.finish();
        run_until(*ring, [&] { return watcher.calls > 0; });
        CHECK(pair.socket->input_ended());
        for (int i = 0; i < 5; ++i) {
            ring->wait(ring->now() + milliseconds(2));
            ring->run_ready();
        }
        CHECK(pair.socket->input_error() == 0);
        pair.reset();
        run_until(*ring, [&] { return pair.socket->input_error() != 0; });
    }
    SECTION("a reset") {
        pair.reset();
        run_until(*ring, [&] { return pair.socket->input_error() != 0; });
        CHECK(watcher.calls > 0);
    }
    SECTION("a reset behind bytes that are kept back") {
        for (int i = 0; i < 64; ++i) {
            pair.say(std::string(16 * 1024, 'x'));
            ring->wait(ring->now() + milliseconds(1));
            ring->run_ready();
        }
        pair.reset();
        run_until(*ring, [&] { return pair.socket->input_error() != 0; });
    }
    SECTION("a FIN behind bytes that are kept back") {
        pair.say(std::string(100, 'x'));
        run_until(*ring, [&] { return pair.socket->has_pending(); });
        for (int i = 0; i < 4; ++i) {  // no more than the window takes: the FIN stands behind them
            pair.say(std::string(10'000, 'x'));
            ring->wait(ring->now() + milliseconds(1));
            ring->run_ready();
        }
        CHECK_FALSE(pair.socket->peer_finished());
        const int before = watcher.calls;
        pair.finish();
        run_until(*ring, [&] { return pair.socket->peer_finished(); });
        CHECK(watcher.calls > before);
        CHECK(pair.socket->input_error() == 0);
    }
    pair.socket->watch(nullptr);
}

TEST_CASE("what nobody receives stays with the kernel: memory is bounded") {
    auto ring = make_ring(each_engine());
    Pair pair(*ring);
    Watcher watcher;
    pair.socket->watch(&watcher);
    pair.socket->expect_input();
    ::fcntl(pair.peer, F_SETFL, O_NONBLOCK);
    const std::string chunk(64 * 1024, 'x');
    const std::size_t before = ring->buffers().blocks_in_use();
    for (int i = 0; i < 500; ++i) {
        static_cast<void>(::send(pair.peer, chunk.data(), chunk.size(), MSG_NOSIGNAL));
        ring->wait(ring->now());
        ring->run_ready();
    }
    CHECK(ring->buffers().blocks_in_use() <= before + 72);  // the kernel's share may grow a little
    pair.socket->watch(nullptr);
}

TEST_CASE("running out of provided blocks delays nobody for good") {
    auto ring = make_ring(each_engine(), {.first_receive_blocks = 1, .most_receive_blocks = 8});
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Outcome> outcomes(100);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        pairs.push_back(std::make_unique<Pair>(*ring));
        start_receive(*pairs[i]->socket, outcomes[i]);
    }
    for (const auto& pair : pairs) pair->say("x");
    run_until(*ring, [&] {
        return std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.done; });
    });
    CHECK(std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.text == "x"; }));
}

TEST_CASE("a quiet loop gives its blocks back and receives as before") {
    auto ring = make_ring(each_engine(), {.first_receive_blocks = 4, .most_receive_blocks = 64});
    std::vector<std::unique_ptr<Pair>> pairs;
    for (int i = 0; i < 40; ++i) pairs.push_back(std::make_unique<Pair>(*ring));
    for (int round = 0; round < 20; ++round) {
        std::vector<Outcome> outcomes(pairs.size());
        for (std::size_t i = 0; i < pairs.size(); ++i)
            start_receive(*pairs[i]->socket, outcomes[i]);
        for (const auto& pair : pairs) pair->say("x");
        run_until(*ring, [&] {
            return std::all_of(outcomes.begin(), outcomes.end(),
                               [](auto& o) { return o.text == "x"; });
        });
        if (round % 3 != 2) continue;
        ring->trim();
        CHECK(ring->buffers().blocks_in_use() <= 4);
    }
}

TEST_CASE("a small completion queue overflows without losing an event") {
    auto ring = make_ring(each_engine(), {.submission_entries = 4, .completion_entries = 8});
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Outcome> outcomes(200);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        pairs.push_back(std::make_unique<Pair>(*ring));
        start_receive(*pairs[i]->socket, outcomes[i]);  // far more submissions than the queue holds
    }
    for (const auto& pair : pairs) pair->say("x");
    run_until(*ring, [&] {
        return std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.done; });
    });
    CHECK(std::all_of(outcomes.begin(), outcomes.end(),
                      [](auto& o) { return o.text == "x" && o.error == 0; }));
}

TEST_CASE("a descriptor that is used again gets none of its predecessor's events") {
    auto ring = make_ring(each_engine());
    for (int round = 0; round < 50; ++round) {
        Pair old(*ring);
        Outcome first;
        start_receive(*old.socket, first);
        ring->wait(ring->now());
        old.socket->cancel_receive(ECANCELED);
        run_until(*ring, [&] { return first.done; });
        const int old_fd = old.socket->fd();
        old.say("for the old one");
        std::exchange(old.socket, nullptr)->close();
        ring->wait(ring->now());
        ring->run_ready();
        Pair fresh(*ring);
        INFO("descriptors " << old_fd << " and " << fresh.socket->fd());
        Outcome second;
        start_receive(*fresh.socket, second);
        fresh.say("for the new one");
        run_until(*ring, [&] { return second.done; });
        CHECK(second.text == "for the new one");
    }
    CHECK(ring->open_sockets() == 0);
}

TEST_CASE(
    "closing a socket with a large receive under way frees its block once the kernel is done") {
    auto ring = make_ring(each_engine());
    const std::size_t before = ring->buffers().blocks_in_use();
    {
        Pair pair(*ring);
        Outcome outcome;
        start_receive(*pair.socket, outcome, never, ReceiveSize::large);
        ring->wait(ring->now());
        pair.socket->cancel_receive(ECANCELED);
        run_until(*ring, [&] { return outcome.done; });
    }
    run_until(*ring, [&] { return ring->open_sockets() == 0; });
    CHECK(ring->buffers().blocks_in_use() <= before + 1);
}

namespace {

Task<void> connect_to(Ring& ring, const net::Address& address, Outcome& outcome,
                      TimePoint deadline) {
    auto socket = ring.connect_socket(address.family());
    outcome.error = co_await (*socket)->connect(address.data(), address.size(), deadline);
    (*socket)->close();
    outcome.done = true;
}

}  // namespace

TEST_CASE("connecting succeeds, is refused, and times out") {
    auto ring = make_ring(each_engine());
    auto listener = net::listen_on(*net::Address::parse("127.0.0.1", 0));
    REQUIRE(listener);
    const net::Address address = net::Address::local_of(*listener);
    Outcome good;
    spawn(connect_to(*ring, address, good, never));
    run_until(*ring, [&] { return good.done; });
    CHECK(good.error == 0);

    ::close(*listener);
    Outcome refused;
    spawn(connect_to(*ring, address, refused, never));
    run_until(*ring, [&] { return refused.done; });
    CHECK(refused.error == ECONNREFUSED);

    // A full backlog drops SYNs: nobody answers.
    const int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const net::Address any = *net::Address::parse("127.0.0.1", 0);
    REQUIRE(::bind(full, any.data(), any.size()) == 0);
    REQUIRE(::listen(full, 0) == 0);
    const net::Address silent = net::Address::local_of(full);
    std::vector<int> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        static_cast<void>(::connect(fillers.back(), silent.data(), silent.size()));
    }
    Outcome late;
    spawn(connect_to(*ring, silent, late, ring->now() + milliseconds(100)));
    run_until(*ring, [&] { return late.done; });
    CHECK(late.error == ETIMEDOUT);
    for (const int fd : fillers) ::close(fd);
    ::close(full);
    CHECK(ring->open_sockets() == 0);
}
