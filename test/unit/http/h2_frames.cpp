// HTTP/2 sessions against frames of a test's own: what no session of ours would send.
#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "h2_fixture.hpp"

using namespace penstock;
using namespace penstock::http;
using namespace penstock::http::h2;
using namespace penstock::http::h2::testing;

namespace {

constexpr unsigned end_stream = 1;
constexpr unsigned end_headers = 4;

std::string number(std::size_t value, unsigned bytes) {
    std::string text;
    while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes) & 0xff);
    return text;
}

std::string frame(unsigned type, unsigned flags, unsigned stream, const std::string& payload = {}) {
    return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4) +
           payload;
}

/// HPACK: literal, without indexing.
std::string field(const std::string& name, const std::string& value) {
    return std::string(1, '\0') + number(name.size(), 1) + name + number(value.size(), 1) + value;
}

std::string headers(unsigned stream, const std::string& fields, unsigned flags = end_headers) {
    return frame(NGHTTP2_HEADERS, flags, stream, fields);
}

std::string answer(unsigned stream, const std::string& status, unsigned flags = end_headers) {
    return headers(stream, field(":status", status) + field("x", "y"), flags);
}

std::string data(unsigned stream, const std::string& bytes, unsigned flags = 0) {
    return frame(NGHTTP2_DATA, flags, stream, bytes);
}

std::string reset(unsigned stream, unsigned code) {
    return frame(NGHTTP2_RST_STREAM, 0, stream, number(code, 4));
}

/// A backend that the test plays.
class Backend {
  public:
    Backend()
        : ring(io::testing::make_ring(io::testing::each_engine())),
          pair(*ring),
          stream_(*pair.socket),
          client(stream_, {.idle_limit = patience, .stall_limit = patience}) {
        pair.socket = nullptr;
        io::spawn(run());
        pair.say(frame(NGHTTP2_SETTINGS, 0, 0));
    }
    Backend(const Backend&) = delete;
    ~Backend() {
        for (Call& call : calls) call.stream.interrupt(ECANCELED);
        for (int i = 0; i < 100; ++i) turn();
        calls.clear();
        if (pair.peer >= 0) pair.reset();
        for (int i = 0; i < 1'000 && !ended; ++i) turn();
        stream_.close();
    }

    Call& call(std::string_view data = {}) {
        Call& made = calls.emplace_back(client, "/", data, false);
        io::spawn(made.run());
        return made;
    }
    void until_done(const Call& made) {
        io::testing::run_until(*ring, [&] { return made.done; });
    }
    void settle() {
        for (int i = 0; i < 20; ++i) turn();
    }

    std::unique_ptr<io::Ring> ring;
    io::testing::Pair pair;

  private:
    void turn() {
        ring->wait(Clock::now() + std::chrono::milliseconds(1));
        ring->run_ready();
    }
    io::Task<void> run() {
        co_await client.run();
        ended = true;
    }

    net::Stream stream_;

  public:
    ClientSession client;
    std::deque<Call> calls;
    bool ended = false;
};

/// A client that the test plays.
class Frontend {
  public:
    explicit Frontend(Handler::Act act)
        : ring(io::testing::make_ring(io::testing::each_engine())),
          pair(*ring),
          stream_(*pair.socket),
          handler(*ring),
          server(stream_, limits(), handler) {
        pair.socket = nullptr;
        handler.on("/", act);
        io::spawn(run());
        pair.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(NGHTTP2_SETTINGS, 0, 0));
    }
    Frontend(const Frontend&) = delete;
    ~Frontend() {
        server.abort(ECANCELED);
        for (int i = 0; i < 1'000 && !ended; ++i) turn();
        stream_.close();
    }

    static std::string get(unsigned stream) {
        const std::string fields = field(":method", "GET") + field(":scheme", "http") +
                                   field(":authority", "a") + field(":path", "/");
        return headers(stream, fields, end_headers | end_stream);
    }
    void settle() {
        for (int i = 0; i < 20; ++i) turn();
    }
    /// What has come of that type: stream and payload.
    std::vector<std::pair<unsigned, std::string>> frames(unsigned type) {
        std::vector<std::pair<unsigned, std::string>> found;
        for (std::size_t at = 0; at + 9 <= heard_.size();) {
            const auto size = static_cast<std::size_t>(value(at, 3));
            if (value(at + 3, 1) == type)
                found.emplace_back(value(at + 5, 4), heard_.substr(at + 9, size));
            at += 9 + size;
        }
        return found;
    }

    std::unique_ptr<io::Ring> ring;
    io::testing::Pair pair;
    bool reads = true;

  private:
    static const ServerLimits& limits() {
        static const ServerLimits some{.head = {},
                                       .header_timeout = patience,
                                       .idle_timeout = patience,
                                       .stall_limit = patience};
        return some;
    }
    unsigned value(std::size_t at, unsigned bytes) const {
        unsigned number = 0;
        while (bytes-- > 0) number = number << 8 | static_cast<unsigned char>(heard_[at++]);
        return number;
    }
    void turn() {
        ring->wait(Clock::now() + std::chrono::milliseconds(1));
        ring->run_ready();
        char bytes[64 * 1024];
        while (reads) {
            const ssize_t got = ::recv(pair.peer, bytes, sizeof(bytes), MSG_DONTWAIT);
            if (got <= 0) break;
            heard_.append(bytes, static_cast<std::size_t>(got));
        }
    }
    io::Task<void> run() {
        io::BlockRef first;
        co_await server.run(first);
        ended = true;
    }

    net::Stream stream_;
    std::string heard_;

  public:
    Handler handler;
    ServerSession server;
    bool ended = false;
};

const std::string wide_window =
    number(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2) + number(INT32_MAX, 4);
const std::string all_window = frame(NGHTTP2_WINDOW_UPDATE, 0, 0, number(INT32_MAX - 65'535, 4));

io::Task<void> answer_long(Served& one) {
    const std::string body(4 * 1024 * 1024, 'x');
    const Outgoing out{.head = "HTTP/1.1 200 OK\r\n\r\n", .data = body, .last = true};
    co_await one.send(out);
}

io::Task<void> answer_empty(Served& one) {
    const Outgoing out{.head = "HTTP/1.1 204 No Content\r\n\r\n", .last = true};
    co_await one.send(out);
}

}  // namespace

TEST_CASE("h2: a connection that fails while much is to be sent forgets its streams") {
    Frontend client(answer_long);
    client.reads = false;
    client.pair.say(frame(NGHTTP2_SETTINGS, 0, 0, wide_window) + all_window);
    for (unsigned stream = 1; stream < 13; stream += 2) client.pair.say(Frontend::get(stream));
    client.settle();
    CHECK(client.handler.served().size() == 6);
    client.pair.say(frame(NGHTTP2_PRIORITY, 0, 0, number(0, 5)));  // no such thing
    io::testing::run_until(*client.ring, [&] {
        const auto& all = client.handler.served();
        return std::all_of(all.begin(), all.end(), [](const Served& one) { return one.done; });
    });
    client.reads = true;  // what nghttp2 has left to send is asked for only now
    client.settle();
    io::testing::run_until(*client.ring, [&] {
        client.settle();
        return client.ended;
    });
    REQUIRE(client.frames(NGHTTP2_GOAWAY).size() == 1);
}

TEST_CASE("h2: a backend that leaves while much is to be sent to it finds its streams forgotten") {
    Backend backend;
    const std::string body(16 * 1024 * 1024, 'x');
    backend.pair.say(frame(NGHTTP2_SETTINGS, 0, 0, wide_window) + all_window);
    backend.settle();
    Call& first = backend.call(body);
    Call& second = backend.call(body);
    backend.settle();
    CHECK_FALSE(first.done);
    backend.pair.say(headers(1, field("x", "y"), end_headers | end_stream));  // is reset
    backend.settle();
    backend.pair.finish();
    backend.until_done(first);
    backend.until_done(second);
    CHECK(first.error != 0);
    CHECK(second.error != 0);
    backend.calls.clear();
    std::string heard(1024 * 1024, '\0');
    while (::recv(backend.pair.peer, heard.data(), heard.size(), MSG_DONTWAIT) > 0)
        backend.settle();
    io::testing::run_until(*backend.ring, [&] { return backend.ended; });
}

TEST_CASE("h2: the last GOAWAY of a drained connection names all that is carried out") {
    Frontend client(answer_empty);
    client.settle();
    client.pair.say(Frontend::get(1));
    client.server.drain();
    client.settle();
    REQUIRE(client.frames(NGHTTP2_GOAWAY).size() == 1);
    REQUIRE(client.frames(NGHTTP2_PING).size() == 1);
    const std::string heard = client.frames(NGHTTP2_PING).front().second;
    // One that the client should not make any more.
    client.pair.say(frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, heard) + Frontend::get(3));
    client.settle();
    const auto goaways = client.frames(NGHTTP2_GOAWAY);
    REQUIRE(goaways.size() == 2);
    CHECK(goaways.back().second == number(3, 4) + number(NGHTTP2_NO_ERROR, 4));
    CHECK(client.handler.served().size() == 2);
    CHECK(client.frames(NGHTTP2_HEADERS).size() == 2);
    CHECK(client.ended);
}

TEST_CASE("h2: a flood of interim responses ends its stream alone, whatever else comes on it") {
    Backend backend;
    Call& flooded = backend.call();
    Call& other = backend.call();
    std::string flood;
    for (int i = 0; i < 1'000; ++i) flood += answer(1, "103");
    const std::size_t before = backend.ring->buffers().blocks_in_use();
    backend.pair.say(flood);
    backend.until_done(flooded);
    CHECK(flooded.result.outcome == ReadOutcome::failed);
    CHECK(flooded.result.error == EPROTO);
    CHECK(backend.ring->buffers().blocks_in_use() <= before + 40);
    backend.calls.pop_front();  // frames on its stream may still come
    backend.pair.say(answer(1, "103") + answer(1, "200") + data(1, "late", end_stream));
    backend.pair.say(answer(3, "200") + data(3, "other", end_stream));
    backend.until_done(other);
    CHECK(other.body == "other");
}

TEST_CASE("h2: what a backend has not looked at is told from what failed") {
    Backend backend;
    Call& refused = backend.call();
    Call& failed = backend.call();
    Call& behind = backend.call();
    Call& before = backend.call();
    backend.settle();
    backend.pair.say(reset(1, NGHTTP2_REFUSED_STREAM) + reset(3, NGHTTP2_INTERNAL_ERROR));
    backend.until_done(refused);
    backend.until_done(failed);
    CHECK(refused.result.outcome == ReadOutcome::unprocessed);
    CHECK(failed.result.outcome == ReadOutcome::failed);
    CHECK(backend.client.most_streams() == 3);  // as many as it had without the one it refused

    backend.pair.say(frame(NGHTTP2_GOAWAY, 0, 0, number(5, 4) + number(0, 4)));
    backend.until_done(before);
    CHECK(before.result.outcome == ReadOutcome::unprocessed);  // stream 7 lies past GOAWAY's 5
    CHECK_FALSE(behind.done);
    CHECK_FALSE(backend.client.takes_streams());
    backend.pair.say(answer(5, "200", end_headers | end_stream));
    backend.until_done(behind);
    CHECK(behind.head.status == 200);
    backend.calls.clear();
    io::testing::run_until(*backend.ring, [&] { return backend.ended; });
}

TEST_CASE("h2: an answer before the request's end stands, though the rest is refused") {
    Backend backend;
    const std::string body(200'000, 'x');
    Call& call = backend.call(body);
    backend.settle();
    backend.pair.say(answer(1, "413") + data(1, "no", end_stream) + reset(1, NGHTTP2_NO_ERROR));
    backend.until_done(call);
    CHECK(call.error != 0);
    CHECK(call.head.status == 413);
    CHECK(call.body == "no");
    CHECK(call.result.ok());
}

TEST_CASE("h2: a backend's answer that makes no sense fails its request") {
    Backend backend;
    Call& call = backend.call();
    backend.settle();
    SECTION("a status that is none") {
        backend.pair.say(answer(1, "099"));
        backend.until_done(call);
        CHECK(call.result.outcome == ReadOutcome::refused);
    }
    SECTION("a length that is another's") {
        backend.pair.say(headers(1, field(":status", "200") + field("content-length", "3")) +
                         data(1, "ab", end_stream));
        backend.until_done(call);
        CHECK(call.head.status == 200);
        CHECK(call.result.outcome == ReadOutcome::failed);
    }
    SECTION("no status") {
        backend.pair.say(headers(1, field("x", "y")));
        backend.until_done(call);
        CHECK(call.result.outcome == ReadOutcome::refused);
    }
    SECTION("no frames at all") {
        backend.pair.say("HTTP/1.1 400 Bad Request\r\n\r\n");
        backend.until_done(call);
        CHECK(call.result.outcome == ReadOutcome::failed);
        CHECK_FALSE(backend.client.takes_streams());
    }
    SECTION("an end in the middle") {
        backend.pair.say(answer(1, "200") + data(1, "ab"));
        backend.pair.finish();
        backend.until_done(call);
        CHECK(call.body == "ab");
        CHECK_FALSE(call.result.ok());
    }
}

TEST_CASE("h2: a stream that has ended both ways leaves no trace for late frames") {
    Backend backend;
    Call& call = backend.call();
    backend.settle();
    backend.pair.say(answer(1, "200", end_headers | end_stream));
    backend.until_done(call);
    backend.calls.clear();
    backend.pair.say(frame(NGHTTP2_WINDOW_UPDATE, 0, 1, number(1, 4)) + reset(1, NGHTTP2_NO_ERROR) +
                     frame(NGHTTP2_PING, 0, 0, "12345678"));
    backend.settle();
    CHECK(backend.client.takes_streams());
    Call& next = backend.call();
    backend.settle();
    backend.pair.say(answer(3, "200") + data(3, "next", end_stream));
    backend.until_done(next);
    CHECK(next.body == "next");
}
