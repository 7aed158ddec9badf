#include "control/api_server.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/api.hpp"
#include "control/problem.hpp"
#include "http/h1/writer.hpp"
#include "http/status.hpp"

namespace penstock::control {

namespace {

using http::BodyPiece;
using http::ReadOutcome;
using http::ReadResult;
using http::Status;
using http::h1::MessageReader;
using http::h1::Parser;

constexpr http::h1::HeadLimits head_limits{};
constexpr Duration head_time = std::chrono::seconds(10);
constexpr Duration idle_time = std::chrono::seconds(60);
constexpr Duration stall_time = std::chrono::seconds(10);
/// A body may take this long in all: a client that trickles cannot hold its memory for good.
constexpr Duration body_time = std::chrono::seconds(60);
constexpr Duration full_rest = std::chrono::milliseconds(20);
constexpr Duration linger_time = std::chrono::seconds(1);

/// The fields that the handlers ask for, several lines of one joined (RFC 9110 section 5.3).
class Fields {
  public:
    explicit Fields(const http::RequestHead& request) : request_(request) {}

    std::optional<std::string_view> operator[](std::string_view name) {
        std::optional<std::string_view> found;
        for (const auto& entry : request_.fields) {
            if (!equals_lower(request_.fields.name(entry), name)) continue;
            const std::string_view value = request_.fields.value(entry);
            found = found ? joined_.emplace_back(fmt::format("{}, {}", *found, value)) : value;
        }
        return found;
    }

  private:
    const http::RequestHead& request_;
    std::deque<std::string> joined_;
};

/// Reads on for a moment, so that a refused client sees our answer before its bytes meet a closed
/// socket.
io::Task<void> linger(net::Stream& stream) {
    stream.shutdown_send();
    const TimePoint deadline = stream.ring().now() + linger_time;
    for (;;) {
        io::Received received = co_await stream.receive(deadline, io::ReceiveSize::large);
        if (!received.block) co_return;
    }
}

}  // namespace

ApiServer::ApiServer(io::Ring& ring, int listener_fd, Handler handler, EpochWait& epochs,
                     Names& names)
    : ring_(ring),
      listener_(ring, listener_fd),
      handler_(std::move(handler)),
      epochs_(epochs),
      names_(names) {}

void ApiServer::start() {
    accepting_ = true;
    io::spawn(accept_all());
}

void ApiServer::stop() {
    stopping_ = true;
    listener_.interrupt();
    connections_.for_each([](Connection& connection) { connection.stream.interrupt(ECANCELED); });
}

io::Task<void> ApiServer::accept_all() {
    while (!stopping_) {
        if (open_ >= most_connections) {
            listener_.pause();
            co_await ring_.sleep(full_rest);
            continue;
        }
        const int fd = co_await listener_.accept(io::AcceptMode::single);
        if (fd >= 0)
            io::spawn(serve(fd));
        else if (fd != -ECANCELED)
            co_await ring_.sleep(full_rest);
    }
    accepting_ = false;
}

io::Task<void> ApiServer::serve(int fd) {
    Connection connection(ring_.adopt(fd));
    connections_.push_back(connection);
    ++open_;
    io::BlockRef unread;
    bool keep = true;
    while (keep && !stopping_) {
        if (!unread) {
            io::Received received = co_await connection.stream.receive(ring_.now() + idle_time);
            if (!received.block) break;
            unread = std::move(received.block);
        }
        keep = co_await serve_one(connection, unread);
    }
    unread.reset();
    connection.unlink();
    connection.stream.close();
    --open_;
}

/// True where the next request may follow.
io::Task<bool> ApiServer::serve_one(Connection& connection, io::BlockRef& unread) {
    MessageReader reader(connection.stream, Parser::Role::requests);
    reader.give(std::move(unread));
    http::RequestHead request;
    const ReadResult read =
        co_await reader.read_request(request, head_limits, ring_.now() + head_time);
    ApiResponse response;
    if (read.ok()) {
        reader.start_body(request.framing);
        response = co_await respond(reader, request);
    } else if (read.outcome == ReadOutcome::refused) {
        response = problem(read.refusal.status, read.refusal.reason);
    } else if (read.outcome == ReadOutcome::timed_out) {
        response = problem(Status::request_timeout, "the request head did not come in time");
    } else {
        co_return false;
    }
    const bool keep = read.ok() && request.keep_alive && reader.body_ended() && !stopping_;
    const bool head_only = read.ok() && request.method == http::Method::head;
    const bool sent = co_await send(connection.stream, response, head_only, keep);
    if (sent && !keep) co_await linger(connection.stream);
    unread = reader.take_leftover();
    co_return sent&& keep;
}

io::Task<ApiResponse> ApiServer::respond(MessageReader& reader, const http::RequestHead& request) {
    const std::size_t most_body = Api::most_body(request.method_text, request.path);
    if (request.framing.length > most_body) co_return Api::body_too_large(most_body);
    if (request.expects_continue) {
        iovec piece = http::h1::piece_of("HTTP/1.1 100 Continue\r\n\r\n");
        const int error = co_await reader.stream().send(&piece, 1, stall_time);
        static_cast<void>(error);  // reading the body will tell
    }
    const Body body = co_await read_body(reader, most_body);
    if (body.too_large) co_return Api::body_too_large(most_body);
    if (body.result.outcome == ReadOutcome::timed_out) {
        co_return problem(Status::request_timeout, "the request body did not come in time");
    }
    if (!body.result.ok()) co_return problem(Status::bad_request, "malformed request body");
    Fields fields(request);
    const ApiRequest asked{.method = request.method_text,
                           .target = request.path,
                           .body = body.bytes,
                           .host = request.authority,
                           .origin = fields["origin"],
                           .content_type = fields["content-type"],
                           .content_encoding = fields["content-encoding"],
                           .if_match = fields["if-match"],
                           .if_none_match = fields["if-none-match"]};
    ApiResponse response = handler_(asked);
    while (!response.unknown_names.empty()) {
        NamesWanted wanted(ring_, names_, std::move(response.unknown_names));
        co_await wanted.until_known();
        response = handler_(asked);
    }
    // What the answer says is what the next request sees: on every worker.
    if (response.wait_for_epoch != 0) co_await epochs_.until_passed(response.wait_for_epoch);
    co_return response;
}

io::Task<ApiServer::Body> ApiServer::read_body(MessageReader& reader, std::size_t most) {
    Body body;
    const TimePoint end = ring_.now() + body_time;
    while (!reader.body_ended()) {
        const BodyPiece piece = co_await reader.read_body(std::min(end, ring_.now() + stall_time));
        body.result = piece.result;
        body.too_large = body.bytes.size() + piece.data.size() > most;
        if (!piece.result.ok() || body.too_large) break;
        body.bytes += piece.data;
    }
    co_return body;
}

io::Task<bool> ApiServer::send(net::Stream& stream, const ApiResponse& response, bool head_only,
                               bool keep_alive) {
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nDate: {}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n",
        http::code(response.status), http::reason_phrase(response.status), date_.at(ring_.now()));
    for (const auto& [name, value] : response.fields)
        head += fmt::format("{}: {}\r\n", name, value);
    const bool has_content =
        response.status != Status::no_content && response.status != Status::not_modified;
    if (has_content) {
        head += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", response.content_type,
                            response.body.size());
    }
    head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    const bool with_body = has_content && !head_only && !response.body.empty();
    iovec pieces[2] = {http::h1::piece_of(head), http::h1::piece_of(response.body)};
    const int error = co_await stream.send(pieces, with_body ? 2 : 1, stall_time);
    co_return error == 0;
}

}  // namespace penstock::control
