// origin: a small scripted backend on our own engine, for the demo, the tests and the benchmarks.
//
//   origin --listen 127.0.0.1:9001 --name one [--io uring|epoll] [--ledger FILE]
//
// The ledger gets a line "METHOD TARGET" for each request as soon as its head is here: it tells
// what reached this origin, also when the origin itself is killed.
//
//   /             "Hello from one"
//   /bytes/N      N bytes with Content-Length
//   /chunked/N    N bytes in chunks
//   /slow/MS      waits MS milliseconds before it answers
//   /halves/MS    2,000 bytes with Content-Length, MS milliseconds between the halves
//   /chunks/MS    the same in chunks
//   /hold/MS      the same, and counted: see /held
//   /held         "now N, most N, all N": requests under /hold/, most of them at once; forgets the
//                 last two
//   /status/CODE  that status, empty body
//   /echo         the request's body, as it comes
//   /head         the request's head, as received
//   /die          closes without an answer
//   /reset        answers with RST
//   /midway/N     promises N bytes, sends half, closes
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "http/h1/reader.hpp"
#include "http/h1/writer.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/address.hpp"
#include "net/listen.hpp"

namespace {

using namespace penstock;
using http::BodyPiece;
using http::h1::MessageReader;
using http::h1::Parser;

constexpr Duration patience = std::chrono::seconds(600);
constexpr std::size_t half_size = 1000;
constexpr http::h1::HeadLimits limits{.header_bytes = 96 * 1024, .headers = 256, .uri = 64 * 1024};

enum class After { keep, close, reset };

/// Requests that wait under /hold/: for proofs of how many there are at once.
struct Held {
    unsigned now = 0;
    unsigned most = 0;
    unsigned all = 0;

    void begin() noexcept {
        most = std::max(most, ++now);
        ++all;
    }
    void end() noexcept { --now; }
    std::string report() {
        std::string words = fmt::format("now {}, most {}, all {}", now, most, all);
        most = now;
        all = 0;
        return words;
    }
};

struct Server {
    io::Ring& ring;
    std::string name;
    int ledger = -1;
    Held held{};
    std::string filler = std::string(256 * 1024, 'x');

    /// One write of a file opened with O_APPEND: what the kernel has taken outlives this process.
    void note(const http::RequestHead& request) const {
        if (ledger < 0) return;
        const std::string line = fmt::format("{} {}\n", request.method_text, request.target);
        if (::write(ledger, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            std::abort();
    }
};

/// One request's answer.
class Answer {
  public:
    Answer(Server& server, net::Stream& stream, MessageReader& reader,
           const http::RequestHead& request)
        : server_(server), stream_(stream), reader_(reader), request_(request) {}

    io::Task<After> give() {
        const std::string_view path = request_.path.substr(0, request_.path.find('?'));
        if (path == "/echo") co_return co_await echo();
        co_await read_whole_body();
        if (path == "/die") co_return After::close;
        if (path == "/reset") co_return After::reset;
        if (const auto ms = number_after(path, "/slow/"))
            co_await server_.ring.sleep(std::chrono::milliseconds(*ms));
        if (const auto ms = number_after(path, "/hold/")) {
            server_.held.begin();
            co_await server_.ring.sleep(std::chrono::milliseconds(*ms));
            server_.held.end();
        }
        if (path == "/held") co_return co_await held();
        if (const auto ms = number_after(path, "/halves/")) co_return co_await halves(*ms, false);
        if (const auto ms = number_after(path, "/chunks/")) co_return co_await halves(*ms, true);
        if (const auto size = number_after(path, "/chunked/")) co_return co_await chunked(*size);
        if (const auto size = number_after(path, "/midway/")) {
            co_await bytes(*size, *size / 2);
            co_return After::close;
        }
        if (const auto size = number_after(path, "/bytes/")) co_return co_await bytes(*size, *size);
        if (const auto status = number_after(path, "/status/"))
            co_return co_await text(*status, "");
        if (path == "/head") co_return co_await text(200, request_.bytes);
        co_return co_await text(200, "Hello from " + server_.name + "\n");
    }

  private:
    static std::optional<unsigned> number_after(std::string_view path, std::string_view prefix) {
        if (!path.starts_with(prefix)) return std::nullopt;
        const auto value = parse_decimal(path.substr(prefix.size()), UINT32_MAX);
        return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
    }

    io::Task<void> read_whole_body() {
        while (!reader_.body_ended()) {
            const BodyPiece piece = co_await reader_.read_body(server_.ring.now() + patience);
            if (!piece.result.ok()) co_return;
        }
    }

    io::Task<bool> send(const std::string& head, std::string_view body) {
        iovec pieces[2] = {http::h1::piece_of(head), http::h1::piece_of(body)};
        const int error = co_await stream_.send(pieces, body.empty() ? 1 : 2, patience);
        co_return error == 0;
    }

    After after() const {
        return request_.keep_alive && reader_.body_ended() ? After::keep : After::close;
    }

    std::string head(unsigned status, std::string_view framing) const {
        return fmt::format(
            "HTTP/1.1 {} Scripted\r\nX-Origin: {}\r\nContent-Type: text/plain\r\n{}\r\n", status,
            server_.name, framing);
    }

    io::Task<After> text(unsigned status, const std::string_view body) {
        const bool no_body =
            request_.method == http::Method::head || status == 204 || status == 304;
        const std::string framing = fmt::format("Content-Length: {}\r\n", body.size());
        const std::string start = head(status, status == 204 ? "" : framing);
        const bool sent = co_await send(start, no_body ? std::string_view{} : body);
        co_return sent ? after() : After::close;
    }

    io::Task<After> held() {
        const std::string words = server_.held.report();
        co_return co_await text(200, words);
    }

    io::Task<After> bytes(std::size_t promised, std::size_t size) {
        std::string start = head(200, fmt::format("Content-Length: {}\r\n", promised));
        while (size > 0 || !start.empty()) {
            const std::string_view piece = std::string_view(server_.filler).substr(0, size);
            const bool sent = co_await send(start, piece);
            if (!sent) co_return After::close;
            start.clear();
            size -= piece.size();
            if (size == 0) break;
        }
        co_return after();
    }

    io::Task<After> chunked(std::size_t size) {
        std::string start = head(200, "Transfer-Encoding: chunked\r\n");
        while (size > 0) {
            const std::string_view piece =
                std::string_view(server_.filler).substr(0, std::min<std::size_t>(size, 8192));
            start += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
            const bool sent = co_await send(start, {});
            if (!sent) co_return After::close;
            start.clear();
            size -= piece.size();
        }
        start += "0\r\n\r\n";
        const bool sent = co_await send(start, {});
        co_return sent ? after() : After::close;
    }

    io::Task<After> halves(unsigned ms, bool in_chunks) {
        const std::string framing = in_chunks
                                        ? "Transfer-Encoding: chunked\r\n"
                                        : fmt::format("Content-Length: {}\r\n", 2 * half_size);
        std::string half = server_.filler.substr(0, half_size);
        if (in_chunks) half = fmt::format("{:x}\r\n{}\r\n", half_size, half);
        const std::string first = head(200, framing) + half;
        const bool first_sent = co_await send(first, {});
        if (!first_sent) co_return After::close;
        co_await server_.ring.sleep(std::chrono::milliseconds(ms));
        if (in_chunks) half += "0\r\n\r\n";
        const bool second_sent = co_await send(half, {});
        co_return second_sent ? after() : After::close;
    }

    io::Task<After> echo() {
        std::string start = head(200, "Transfer-Encoding: chunked\r\n");
        for (;;) {
            const BodyPiece piece = co_await reader_.read_body(server_.ring.now() + patience);
            if (!piece.result.ok()) co_return After::close;
            if (!piece.data.empty())
                start += fmt::format("{:x}\r\n{}\r\n", piece.data.size(), piece.data);
            if (piece.last) start += "0\r\n\r\n";
            const bool sent = co_await send(start, {});
            if (!sent) co_return After::close;
            if (piece.last) co_return after();
            start.clear();
        }
    }

    Server& server_;
    net::Stream& stream_;
    MessageReader& reader_;
    const http::RequestHead& request_;
};

io::Task<After> serve_one(Server& server, net::Stream& stream, io::BlockRef& unread) {
    MessageReader reader(stream, Parser::Role::requests);
    reader.give(std::move(unread));
    http::RequestHead request;
    const http::ReadResult read =
        co_await reader.read_request(request, limits, server.ring.now() + patience);
    if (!read.ok()) co_return After::close;
    server.note(request);
    reader.start_body(request.framing);
    if (request.expects_continue) {
        iovec piece = http::h1::piece_of("HTTP/1.1 100 Continue\r\n\r\n");
        const int error = co_await stream.send(&piece, 1, patience);
        if (error != 0) co_return After::close;
    }
    Answer answer(server, stream, reader, request);
    const After after = co_await answer.give();
    unread = reader.take_leftover();
    co_return after;
}

io::Task<void> serve(Server& server, int fd) {
    net::Stream stream(server.ring.adopt(fd));
    io::BlockRef unread;
    for (;;) {
        const After after = co_await serve_one(server, stream, unread);
        if (after == After::reset) stream.reset_on_close();
        if (after != After::keep) break;
    }
    stream.close();
}

io::Task<void> accept_all(Server& server, io::Listener& listener) {
    for (;;) {
        const int fd = co_await listener.accept();
        if (fd >= 0)
            io::spawn(serve(server, fd));
        else
            co_await server.ring.sleep(std::chrono::milliseconds(100));
    }
}

struct Options {
    std::string listen;
    std::string name = "origin";
    std::string ledger;
    io::Engine engine = probe_default();

    static io::Engine probe_default() {
        return io::probe_uring() ? io::Engine::uring : io::Engine::epoll;
    }
};

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; i += 2) {
        const std::string_view flag = argv[i];
        if (i + 1 == argc) return false;
        const std::string_view value = argv[i + 1];
        if (flag == "--listen")
            options.listen = value;
        else if (flag == "--name")
            options.name = value;
        else if (flag == "--ledger")
            options.ledger = value;
        else if (flag == "--io")
            options.engine = value == "epoll" ? io::Engine::epoll : io::Engine::uring;
        else
            return false;
    }
    return !options.listen.empty();
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::fputs(
            "usage: origin --listen ADDR:PORT [--name NAME] [--io uring|epoll] [--ledger FILE]\n",
            stderr);
        return 2;
    }
    const auto address = net::Address::parse_endpoint(options.listen);
    if (!address) {
        std::fprintf(stderr, "origin: not an address: %s\n", options.listen.c_str());
        return 2;
    }
    auto fd = net::listen_on(*address);
    auto ring = io::Ring::create(options.engine);
    if (!fd || !ring) {
        std::fprintf(stderr, "origin: %s\n", (fd ? ring.error() : fd.error()).message.c_str());
        return 1;
    }
    // The answers hold nothing that an abrupt end would lose.
    for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { std::_Exit(0); });
    Server server{.ring = **ring, .name = options.name};
    if (!options.ledger.empty()) {
        server.ledger =
            ::open(options.ledger.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (server.ledger < 0) {
            std::perror("origin: the ledger");
            return 1;
        }
    }
    io::Listener listener(**ring, *fd);
    io::spawn(accept_all(server, listener));
    (*ring)->run_until([] { return false; });
}
