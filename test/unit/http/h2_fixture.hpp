// Two HTTP/2 sessions against each other over a pair of sockets on one loop: requests that a test
// makes, and a handler that answers by their paths.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <netinet/tcp.h>

#include "../io/fixture.hpp"
#include "http/h2/client_session.hpp"
#include "http/h2/server_session.hpp"
#include "io/both.hpp"

namespace penstock::http::h2::testing {

constexpr Duration patience = std::chrono::seconds(8);

/// One request as the handler sees it.
struct Served final : DownstreamWatcher {
    explicit Served(Downstream& c, io::Ring& ring) : client(c), go(ring) { client.watch(this); }

    void on_client_change() noexcept override { ++changes; }
    void abort(int reason) noexcept override { client.interrupt(reason); }

    io::Task<void> send(const Outgoing& out) { error = co_await client.send(out, patience); }
    /// The body, as far as it comes.
    io::Task<void> read_all() {
        for (bool ended = false; !ended;) {
            const BodyPiece piece = co_await client.read_body(never);
            result = piece.result;
            if (!result.ok()) co_return;
            body += piece.data;
            ended = piece.last;
        }
        trailers = client.trailers();
    }
    /// Back as it comes.
    io::Task<void> echo() {
        const Outgoing first{.head = "HTTP/1.1 200 OK\r\nx-echo: yes\r\n\r\n"};
        co_await send(first);
        for (bool ended = false; !ended && error == 0;) {
            const BodyPiece piece = co_await client.read_body(never);
            result = piece.result;
            if (!result.ok()) co_return;
            ended = piece.last;
            const Outgoing out{.data = piece.data,
                               .last = ended,
                               .trailers = ended ? client.trailers() : std::string_view{}};
            co_await send(out);
        }
    }

    Downstream& client;
    io::TimedEvent go;
    RequestHead head;
    ReadResult result;
    std::string path;
    std::string body;
    std::string trailers;
    int error = 0;
    int changes = 0;
    bool done = false;
};

class Handler final : public RequestHandler {
  public:
    using Act = io::Task<void> (*)(Served&);

    explicit Handler(io::Ring& ring) noexcept : ring_(ring) {}

    void on(const std::string& path, Act act) { acts_[path] = act; }
    const std::deque<Served>& served() const noexcept { return served_; }
    std::deque<Served>& served() noexcept { return served_; }

    io::Task<void> carry_out(Downstream& client) override {
        Served& one = served_.emplace_back(client, ring_);
        const h1::HeadLimits limits;
        one.result = co_await client.read_request(one.head, limits, never);
        if (one.result.ok()) {
            client.start_body(one.head.framing);
            one.path = one.head.path;
            const auto found = acts_.find(one.path);
            CHECK(found != acts_.end());
            if (found != acts_.end()) co_await found->second(one);
        }
        client.watch(nullptr);
        one.done = true;
    }

  private:
    io::Ring& ring_;
    std::map<std::string, Act> acts_;
    std::deque<Served> served_;  // those that have ended too
};

/// One request as whoever makes it sees it.
struct Call {
    Call(ClientSession& session, const std::string& path, std::string_view sent, bool waits)
        : stream(session),
          go(session.ring()),
          request("POST " + path + " HTTP/1.1\r\nhost: a\r\n\r\n"),
          data(sent),
          waits_to_read(waits) {}

    io::Task<void> run() {
        io::Task<void> sending = send();
        io::Task<void> receiving = receive();
        co_await io::both(sending, receiving);
        done = true;
    }

    ClientStream stream;
    io::TimedEvent go;
    std::string request;
    std::string_view data;
    std::string_view sent_trailers;
    ResponseHead head;
    ReadResult result;
    std::string interim;  // their statuses
    std::string body;
    std::string trailers;
    int error = 0;
    bool waits_to_read = false;
    bool done = false;

  private:
    io::Task<void> send() {
        const Outgoing first{.head = request, .last = data.empty() && sent_trailers.empty()};
        error = co_await stream.send(first, patience);
        if (error != 0 || first.last) co_return;
        const Outgoing rest{.data = data, .last = true, .trailers = sent_trailers};
        error = co_await stream.send(rest, patience);
    }
    io::Task<void> receive() {
        for (head.status = 0; head.status < 200;) {
            if (head.status != 0) interim += std::to_string(head.status) + " ";
            result = co_await stream.read_response(head, Method::other, never);
            if (!result.ok()) co_return;
        }
        stream.start_body(head.framing);
        if (waits_to_read) {
            const bool set = co_await go.wait();
            static_cast<void>(set);
        }
        for (bool ended = false; !ended;) {
            const BodyPiece piece = co_await stream.read_body(never);
            result = piece.result;
            if (!result.ok()) co_return;
            body += piece.data;
            ended = piece.last;
        }
        trailers = stream.trailers();
    }
};

class Sessions {
  public:
    explicit Sessions(Duration idle_limit = patience)
        : ring(io::testing::make_ring(io::testing::each_engine())),
          pair_(*ring),
          server_stream_(*pair_.socket),
          client_stream_(ring->adopt(pair_.peer)),
          handler(*ring),
          server(server_stream_, limits(), handler),
          client(client_stream_, {.idle_limit = idle_limit, .stall_limit = patience}) {
        if (ring->engine() == io::Engine::epoll)
            ::fcntl(pair_.peer, F_SETFL, ::fcntl(pair_.peer, F_GETFL) | O_NONBLOCK);
        const int on = 1;
        for (const int fd : {client_stream_.fd(), server_stream_.fd()})
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        pair_.peer = -1;
        pair_.socket = nullptr;
        io::spawn(run_server());
        io::spawn(run_client());
    }
    Sessions(const Sessions&) = delete;
    /// Whatever is still under way ends.
    ~Sessions() {
        for (Call& call : calls) {
            call.stream.interrupt(ECANCELED);
            call.go.set();
        }
        for (Served& one : handler.served()) one.go.set();
        server.abort(ECANCELED);
        const auto all_done = [this] {
            for (const Call& call : calls) {
                if (!call.done) return false;
            }
            return true;
        };
        for (int i = 0; i < 1'000 && !all_done(); ++i) turn();
        calls.clear();
        for (int i = 0; i < 1'000 && !(server_done && client_done); ++i) turn();
        client_stream_.close();
        server_stream_.close();
    }

    Call& call(const std::string& path, std::string_view data = {}, std::string_view trailers = {},
               bool waits_to_read = false) {
        Call& made = calls.emplace_back(client, path, data, waits_to_read);
        made.sent_trailers = trailers;
        io::spawn(made.run());
        return made;
    }
    Call& finished_call(const std::string& path, std::string_view data = {}) {
        Call& made = call(path, data);
        until([&] { return made.done; });
        return made;
    }
    /// Both ends say what they have to say.
    void settle() {
        for (int i = 0; i < 20; ++i) turn();
    }
    template <class Done>
    void until(Done&& done) {
        io::testing::run_until(*ring, done);
    }

  private:
    static const ServerLimits& limits() {
        static const ServerLimits some{.head = {},
                                       .header_timeout = patience,
                                       .idle_timeout = patience,
                                       .stall_limit = patience};
        return some;
    }
    void turn() {
        ring->wait(Clock::now() + std::chrono::milliseconds(1));
        ring->run_ready();
    }
    io::Task<void> run_server() {
        io::BlockRef first;
        co_await server.run(first);
        server_stream_.shutdown_send();
        server_done = true;
    }
    io::Task<void> run_client() {
        co_await client.run();
        client_stream_.shutdown_send();
        client_done = true;
    }

  public:
    std::unique_ptr<io::Ring> ring;

  private:
    io::testing::Pair pair_;
    net::Stream server_stream_;
    net::Stream client_stream_;

  public:
    Handler handler;
    ServerSession server;
    ClientSession client;
    std::deque<Call> calls;
    bool server_done = false;
    bool client_done = false;
};

}  // namespace penstock::http::h2::testing
