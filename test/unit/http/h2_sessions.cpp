// HTTP/2's two sides against each other: messages whole and unharmed, streams that end early, that
// wait, and connections that are to end.
#include <algorithm>
#include <cerrno>

#include "h2_fixture.hpp"

using namespace penstock;
using namespace penstock::http;
using namespace penstock::http::h2;
using namespace penstock::http::h2::testing;
using std::chrono::milliseconds;

namespace {

/// Bytes that tell their places.
std::string bytes_of(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
    return bytes;
}

const std::string& megabyte() {
    static const std::string bytes = bytes_of(1024 * 1024);
    return bytes;
}

io::Task<void> echo(Served& one) {
    co_await one.echo();
}

io::Task<void> take(Served& one) {
    co_await one.read_all();
    const Outgoing out{
        .head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", .data = "ok", .last = true};
    if (one.result.ok()) co_await one.send(out);
}

io::Task<void> give(Served& one) {
    const Outgoing out{.head = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nX-Case: Kept\r\n\r\n",
                       .data = megabyte(),
                       .last = true,
                       .trailers = "X-Sum: 1\r\nx-more: 2\r\n"};
    co_await one.send(out);
}

io::Task<void> answer_at_once(Served& one) {
    const Outgoing out{.head = "HTTP/1.1 413 Too Large\r\n\r\n", .data = "no", .last = true};
    co_await one.send(out);
}

io::Task<void> hint(Served& one) {
    const Outgoing early{.head = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"};
    co_await one.send(early);
    const Outgoing go_on{.head = "HTTP/1.1 100 Continue\r\n\r\n"};
    co_await one.send(go_on);
    co_await take(one);
}

io::Task<void> half(Served& one) {
    const Outgoing out{.head = "HTTP/1.1 200 OK\r\n\r\n", .data = "half"};
    co_await one.send(out);
}

io::Task<void> nothing(Served&) {
    co_return;
}

/// Reads that end without bytes first: too late, and stopped.
io::Task<void> read_in_three(Served& one) {
    const TimePoint soon = Clock::now() + milliseconds(5);
    const BodyPiece late = co_await one.client.read_body(soon);
    CHECK(late.result.outcome == ReadOutcome::timed_out);
    one.path = "stop me";
    const BodyPiece stopped = co_await one.client.read_body(never);
    CHECK(stopped.result.outcome == ReadOutcome::failed);
    CHECK(stopped.result.error == ECANCELED);
    co_await take(one);
}

io::Task<void> wait_then_echo(Served& one) {
    const bool set = co_await one.go.wait();
    static_cast<void>(set);
    co_await one.echo();
}

struct Sent {
    int error = -1;
    bool done() const noexcept { return error >= 0; }
};

io::Task<void> send_to(ClientStream& stream, const Outgoing& out, Sent& sent,
                       Duration stall_limit = patience) {
    sent.error = co_await stream.send(out, stall_limit);
}

}  // namespace

TEST_CASE("h2: a megabyte each way at once, with trailers, is what it was") {
    Sessions ends;
    ends.handler.on("/echo", echo);
    Call& call = ends.call("/echo", megabyte(), "x-one: 1\r\nx-two: 2\r\n");
    ends.until([&] { return call.done; });
    CHECK(call.error == 0);
    CHECK(call.result.ok());
    CHECK(call.head.status == 200);
    CHECK(call.body == megabyte());
    CHECK(call.trailers == "x-one: 1\r\nx-two: 2\r\n");
    CHECK(call.stream.body_bytes_read() == megabyte().size());
    const Served& one = ends.handler.served().front();
    CHECK(one.head.bytes == "POST /echo HTTP/1.1\r\nhost: a\r\n\r\n");
    CHECK(one.head.framing.kind == BodyFraming::Kind::chunked);
    CHECK(ends.client.is_proven());
}

TEST_CASE("h2: a megabyte one way, and many streams at once") {
    Sessions ends;
    ends.handler.on("/take", take);
    ends.handler.on("/give", give);
    for (int i = 0; i < 5; ++i) {
        ends.call("/take", megabyte());
        ends.call("/give");
    }
    ends.until([&] {
        return std::all_of(ends.calls.begin(), ends.calls.end(), [](Call& c) { return c.done; });
    });
    for (const Call& call : ends.calls) {
        CHECK(call.error == 0);
        CHECK(call.result.ok());
        CHECK(call.body == (call.data.empty() ? std::string_view(megabyte()) : "ok"));
        CHECK(call.trailers == (call.data.empty() ? "x-sum: 1\r\nx-more: 2\r\n" : ""));
    }
    for (const Served& one : ends.handler.served())
        CHECK(one.body == (one.path == "/take" ? std::string_view(megabyte()) : ""));
}

TEST_CASE("h2: a response's fields lose their case, and what belongs to one connection") {
    Sessions ends;
    ends.handler.on("/give", give);
    const Call& call = ends.finished_call("/give");
    CHECK(call.head.bytes == "x-case: Kept\r\n\r\n");
    CHECK(call.head.framing.kind == BodyFraming::Kind::chunked);
}

TEST_CASE("h2: interim responses come before the final one, in their order") {
    Sessions ends;
    ends.handler.on("/hint", hint);
    const Call& call = ends.finished_call("/hint", "body");
    CHECK(call.interim == "103 100 ");
    CHECK(call.head.status == 200);
    CHECK(call.head.framing.length == 2);
    CHECK(call.body == "ok");
    CHECK(ends.handler.served().front().body == "body");
}

TEST_CASE("h2: an answer that does not wait for the request is whole, and the request ends") {
    Sessions ends;
    ends.handler.on("/early", answer_at_once);
    ends.handler.on("/echo", echo);
    const Call& call = ends.finished_call("/early", megabyte());
    CHECK(call.head.status == 413);
    CHECK(call.body == "no");
    CHECK(call.result.ok());
    CHECK(call.error != 0);
    CHECK(ends.finished_call("/echo", "next").body == "next");
}

TEST_CASE("h2: what the server does not finish is no end, and harms no other stream") {
    Sessions ends;
    ends.handler.on("/half", half);
    ends.handler.on("/nothing", nothing);
    ends.handler.on("/echo", echo);
    const Call& cut = ends.finished_call("/half");
    CHECK(cut.body == "half");
    CHECK(cut.result.outcome == ReadOutcome::failed);
    CHECK(cut.result.error == ECONNRESET);
    const Call& unanswered = ends.finished_call("/nothing", megabyte());
    CHECK(unanswered.result.outcome == ReadOutcome::failed);
    CHECK(unanswered.error != 0);
    CHECK(ends.finished_call("/echo", megabyte()).body == megabyte());
}

TEST_CASE("h2: a client that leaves its stream ends the exchange, and the connection goes on") {
    Sessions ends;
    ends.handler.on("/echo", echo);
    ends.handler.on("/wait", wait_then_echo);
    Call& call = ends.call("/wait", megabyte());
    ends.until([&] { return ends.handler.served().size() == 1; });
    ends.settle();
    Served& one = ends.handler.served().front();
    CHECK(one.changes == 0);
    call.stream.leave();
    ends.until([&] { return call.done; });
    CHECK(call.error != 0);
    CHECK_FALSE(call.result.ok());
    ends.until([&] { return one.changes > 0; });
    CHECK(one.client.input_error() != 0);
    one.go.set();
    ends.until([&] { return one.done; });
    CHECK(one.error != 0);
    CHECK(ends.finished_call("/echo", "next").body == "next");
    CHECK_FALSE(ends.server_done);
}

TEST_CASE("h2: a stream whose request nobody reads stalls alone, in bounded memory") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    ends.handler.on("/echo", echo);
    const std::size_t before = ends.ring->buffers().blocks_in_use();
    for (int i = 0; i < 3; ++i) ends.call("/wait", megabyte());
    ends.settle();
    CHECK(ends.finished_call("/echo", megabyte()).body == megabyte());
    CHECK(ends.handler.served().size() == 4);
    CHECK(ends.ring->buffers().blocks_in_use() <= before + 3 * (5 + 1) + 8);  // windows, heads
    for (Served& one : ends.handler.served()) one.go.set();
    ends.until([&] {
        return std::all_of(ends.calls.begin(), ends.calls.end(), [](Call& c) { return c.done; });
    });
    for (const Call& call : ends.calls) CHECK(call.body == megabyte());
}

TEST_CASE("h2: a stream whose response nobody reads stalls alone") {
    Sessions ends;
    ends.handler.on("/give", give);
    Call& stalled = ends.call("/give", {}, {}, true);
    ends.settle();
    CHECK(ends.finished_call("/give").body == megabyte());
    CHECK_FALSE(stalled.done);
    CHECK_FALSE(ends.handler.served().front().done);
    stalled.go.set();
    ends.until([&] { return stalled.done; });
    CHECK(stalled.body == megabyte());
    CHECK(stalled.trailers == "x-sum: 1\r\nx-more: 2\r\n");
}

TEST_CASE("h2: a read of a body that ended too late, or was stopped, may be followed by others") {
    Sessions ends;
    ends.handler.on("/three", read_in_three);
    ClientStream stream(ends.client);
    const auto send = [&](const Outgoing& out) {
        Sent sent;
        io::spawn(send_to(stream, out, sent));
        ends.until([&] { return sent.done(); });
        CHECK(sent.error == 0);
    };
    const Outgoing head{.head = "POST /three HTTP/1.1\r\nhost: a\r\n\r\n"};
    send(head);
    ends.until([&] { return !ends.handler.served().empty(); });
    Served& one = ends.handler.served().front();
    ends.until([&] { return one.path == "stop me"; });
    one.client.stop_reading(ECANCELED);
    const Outgoing rest{.data = "the body", .last = true};
    send(rest);
    ends.until([&] { return one.done; });
    CHECK(one.body == "the body");
    stream.leave();
}

TEST_CASE(
    "h2: a body that nobody reads is sent no longer than the stall limit, or an interruption") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    ends.handler.on("/echo", echo);
    const bool by_interrupt = GENERATE(false, true);
    ClientStream stream(ends.client);
    const Outgoing out{.head = "POST /wait HTTP/1.1\r\nhost: a\r\n\r\n", .data = megabyte()};
    Sent sent;
    const TimePoint start = ends.ring->now();
    io::spawn(send_to(stream, out, sent, by_interrupt ? patience : milliseconds(50)));
    if (by_interrupt) {
        ends.settle();
        CHECK_FALSE(sent.done());
        stream.interrupt(ECANCELED);
    }
    ends.until([&] { return sent.done(); });
    CHECK(sent.error == (by_interrupt ? ECANCELED : ETIMEDOUT));
    CHECK((by_interrupt || Clock::now() - start >= milliseconds(50)));
    stream.leave();
    for (Served& one : ends.handler.served()) one.go.set();
    CHECK(ends.finished_call("/echo", "next").body == "next");
}

TEST_CASE("h2: what streams leave unread is not held against the connection's window") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    ends.handler.on("/nothing", nothing);
    ends.handler.on("/echo", echo);
    ends.handler.on("/give", give);
    const std::string path = GENERATE("/wait", "/nothing", "/give");
    const std::string_view body = path == "/give" ? std::string_view{} : megabyte();
    for (int i = 0; i < 20; ++i) {  // a window of 64 KiB each; the connection's is 1 MiB
        Call& call = ends.call(path, body, {}, true);
        ends.settle();
        call.stream.leave();
        call.go.set();
        ends.until([&] { return call.done; });
        for (Served& one : ends.handler.served()) one.go.set();
        ends.until([&] { return ends.handler.served().back().done; });
        ends.calls.clear();
        ends.handler.served().clear();
    }
    CHECK(ends.finished_call("/echo", megabyte()).body == megabyte());
    CHECK(ends.finished_call("/give").body == megabyte());
}

TEST_CASE("h2: no more streams are made than the server takes, and one more waits for its turn") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    ends.call("/wait", "x");
    ends.settle();  // its settings have come
    while (ends.client.takes_streams()) {
        REQUIRE(ends.calls.size() < 200);
        ends.call("/wait", "x");
    }
    CHECK(ends.calls.size() == ServerSession::most_streams);
    Call& beyond = ends.call("/wait", "beyond");
    ends.settle();
    CHECK(ends.handler.served().size() == ServerSession::most_streams);
    ends.handler.served().front().go.set();
    ends.until([&] { return ends.handler.served().size() > ServerSession::most_streams; });
    for (Served& one : ends.handler.served()) one.go.set();
    ends.until([&] { return beyond.done; });
    CHECK(beyond.body == "beyond");
    ends.until([&] {
        return std::all_of(ends.calls.begin(), ends.calls.end(), [](Call& c) { return c.done; });
    });
    for (Call& call : ends.calls) {
        CHECK(call.result.ok());
        call.stream.leave();
    }
    CHECK(ends.client.takes_streams());
}

TEST_CASE("h2: a server that drains takes nothing new, and ends with what is under way") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    Call& call = ends.call("/wait", megabyte());
    ends.until([&] { return ends.handler.served().size() == 1; });
    ends.server.drain();
    ends.until([&] { return !ends.client.takes_streams(); });
    CHECK_FALSE(ends.server_done);
    ends.handler.served().front().go.set();
    ends.until([&] { return call.done; });
    CHECK(call.body == megabyte());
    call.stream.leave();
    ends.until([&] { return ends.server_done && ends.client_done; });
}

TEST_CASE("h2: a session that is retired ends with its last stream, or at once") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    const bool is_idle = GENERATE(true, false);
    ends.settle();
    if (is_idle) {
        ends.client.retire();
    } else {
        Call& call = ends.call("/wait", "x");
        ends.until([&] { return ends.handler.served().size() == 1; });
        ends.client.retire();
        CHECK_FALSE(ends.client.takes_streams());
        ends.settle();
        CHECK_FALSE(ends.client_done);
        ends.handler.served().front().go.set();
        ends.until([&] { return call.done; });
        CHECK(call.body == "x");
        ends.settle();
        CHECK_FALSE(ends.client_done);
        call.stream.leave();
    }
    ends.until([&] { return ends.server_done && ends.client_done; });
}

TEST_CASE("h2: a session without streams ends when it has been idle for too long") {
    Sessions ends(milliseconds(30));
    ends.handler.on("/wait", wait_then_echo);
    Call& call = ends.call("/wait", "x");
    const TimePoint later = Clock::now() + milliseconds(60);
    ends.until([&] { return Clock::now() > later; });
    CHECK_FALSE(ends.client_done);
    ends.handler.served().front().go.set();
    ends.until([&] { return call.done; });
    call.stream.leave();
    CHECK(ends.client.is_idle());
    const TimePoint idle = Clock::now();
    ends.until([&] { return ends.client_done; });
    CHECK(Clock::now() - idle >= milliseconds(25));
    ends.until([&] { return ends.server_done; });
}

TEST_CASE("h2: a connection that is aborted fails everything that is under way on it") {
    Sessions ends;
    ends.handler.on("/wait", wait_then_echo);
    ends.handler.on("/give", give);
    ends.call("/wait", megabyte());
    ends.call("/give", {}, {}, true);
    ends.until([&] { return ends.handler.served().size() == 2; });
    ends.settle();
    ends.server.abort(ECANCELED);
    for (Served& one : ends.handler.served()) one.go.set();
    for (Call& call : ends.calls) call.go.set();
    ends.until([&] {
        return ends.server_done &&
               std::all_of(ends.calls.begin(), ends.calls.end(), [](Call& c) { return c.done; });
    });
    for (const Served& one : ends.handler.served()) CHECK(one.error != 0);
    for (const Call& call : ends.calls) CHECK_FALSE(call.result.ok());
    CHECK_FALSE(ends.client.takes_streams());
}
