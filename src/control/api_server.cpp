#include "control/api_server.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "control/problem.hpp"
#include "http/h1/writer.hpp"
#include "http/status.hpp"
#include "io/event.hpp"

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
/// Without descriptors, a client is left so much time to ask.
constexpr Duration grace_time = std::chrono::seconds(1);
constexpr Duration full_rest = std::chrono::milliseconds(20);
constexpr Duration linger_time = std::chrono::seconds(1);
constexpr std::size_t most_lingering = 4 * 1024 * 1024;  // bytes that are read to no purpose
/// An answer may take this long in all, and a second more for each so many of its bytes.
constexpr Duration send_time = std::chrono::seconds(60);
constexpr std::size_t least_rate = 64 * 1024;
/// Answers of up to so many bytes are in no budget: their number is bounded.
constexpr std::size_t small_answer = 64 * 1024;

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

/// At the other end, as far as the socket knows: the user of a Unix one, else the address.
std::string peer_of(int fd) {
    const net::Address address = net::Address::peer_of(fd);
    if (address.family() != AF_UNIX) return address.host();
    ucred user{};
    socklen_t size = sizeof(user);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &size) != 0) return "unix";
    return fmt::format("uid {}", user.uid);
}

bool has_field(const ApiResponse& response, std::string_view name) {
    return std::any_of(response.fields.begin(), response.fields.end(),
                       [name](const auto& field) { return field.first == name; });
}

ApiRequest request_of(const http::RequestHead& request, Fields& fields, std::string_view peer,
                      bool is_secured) {
    return {.method = request.method_text,
            .target = request.path,
            .body = {},
            .host = request.authority,
            .origin = fields["origin"],
            .content_type = fields["content-type"],
            .content_encoding = fields["content-encoding"],
            .if_match = fields["if-match"],
            .if_none_match = fields["if-none-match"],
            .authorization = fields["authorization"],
            .accept = fields["accept"],
            .last_event_id = fields["last-event-id"],
            .peer = peer,
            .is_secured = is_secured};
}

StreamFraming framing_for(const http::RequestHead& request) {
    return request.minor_version == 0 ? StreamFraming::until_close : StreamFraming::chunked;
}

ApiResponse try_again(std::string_view why) {
    ApiResponse response = problem(Status::service_unavailable, why);
    response.fields.emplace_back("Retry-After", "1");
    return response;
}

/// Of another thread.
struct LateAnswer {
    explicit LateAnswer(io::Ring& ring) noexcept : given(ring) {}
    io::Event given;
    ApiResponse response;
};

/// Interrupts a stream whose answer takes too long in all: a client that reads a little now and
/// then cannot hold its memory for good.
struct SendLimit : io::Timer {
    SendLimit(net::Stream& s, std::size_t bytes) : Timer(&due), stream(s) {
        const auto for_size = std::chrono::seconds(bytes / least_rate);
        stream.ring().timers().arm(*this, stream.ring().now() + send_time + for_size);
    }
    SendLimit(const SendLimit&) = delete;
    SendLimit& operator=(const SendLimit&) = delete;
    ~SendLimit() { stream.ring().timers().disarm(*this); }
    static void due(io::Timer& timer) {
        static_cast<SendLimit&>(timer).stream.interrupt(ETIMEDOUT);
    }
    net::Stream& stream;
};

}  // namespace

/// For as long as it lives the connection is not closed to make room for others.
class ApiServer::AtWork {
  public:
    AtWork(ApiServer& server, Connection& connection) noexcept
        : server_(server), connection_(connection) {
        connection_.unlink();
        server_.at_work_.push_back(connection_);
    }
    AtWork(const AtWork&) = delete;
    AtWork& operator=(const AtWork&) = delete;
    ~AtWork() {
        connection_.is_executed = false;
        connection_.unlink();
        server_.wait_for(connection_);
    }

  private:
    ApiServer& server_;
    Connection& connection_;
};

ApiServer::ApiServer(io::Ring& ring, int listener_fd, Api& api, AdminTls* tls, EpochWait& epochs,
                     Names& names)
    : ring_(ring),
      listener_(ring, listener_fd),
      api_(api),
      tls_(tls),
      epochs_(epochs),
      names_(names),
      writes_(ring, api) {}

ApiServer::~ApiServer() {
    ring_.timers().disarm(last_call_);
}

void ApiServer::start() {
    accepting_ = true;
    io::spawn(accept_all());
}

void ApiServer::stop() {
    stopping_ = true;
    listener_.interrupt();
    // What is in force is said to be, where the client listens.
    const auto end = [](Connection& connection) {
        if (!connection.is_executed) connection.stream.interrupt(ECANCELED);
    };
    waiting_.for_each(end);
    at_work_.for_each(end);
    ring_.timers().arm(last_call_, ring_.now() + linger_time);
}

void ApiServer::LastCall::due(io::Timer& timer) {
    ApiServer& server = static_cast<LastCall&>(timer).server;
    const auto end = [](Connection& connection) { connection.stream.interrupt(ECANCELED); };
    server.waiting_.for_each(end);
    server.at_work_.for_each(end);
}

// --- connections ---

io::Task<void> ApiServer::accept_all() {
    while (!stopping_) {
        if (open_ >= most_connections && !make_room()) {
            listener_.pause();
            co_await ring_.sleep(full_rest);
            continue;
        }
        const int fd = co_await listener_.accept(io::AcceptMode::single);
        if (fd >= 0 && stopping_) {
            ::close(fd);
        } else if (fd >= 0) {
            io::spawn(serve(fd));
        } else if (fd != -ECANCELED) {
            out_of_resources(-fd);
            co_await ring_.sleep(full_rest);
        }
    }
    accepting_ = false;
}

/// Whoever has waited for long lets go of a descriptor, where somebody has more use for it.
void ApiServer::out_of_resources(int error) {
    if (!listener_.has_waiting()) return;
    if (!waiting_.empty() && ring_.now() - waiting_.front().since >= grace_time) make_room();
    if (complaints_.allows(ring_.now())) {
        log(LogLevel::error, "cannot accept connections to the API",
            {{"error", std::strerror(error)}});
    }
}

/// Closes the connection that has waited longest for its client; false where all are at work.
bool ApiServer::make_room() {
    Connection* const longest = waiting_.pop_front();
    if (longest == nullptr) return false;
    at_work_.push_back(*longest);
    longest->stream.interrupt(ECANCELED);
    return true;
}

io::Task<void> ApiServer::serve(int fd) {
    Connection connection(ring_.adopt(fd));
    connection.peer = peer_of(fd);
    wait_for(connection);
    ++open_;
    bool speaks = true;
    if (tls_ != nullptr) speaks = co_await secure(connection);
    if (speaks) co_await converse(connection);
    connection.unlink();
    connection.stream.close();
    --open_;
}

/// For its client: it may be closed to make room.
void ApiServer::wait_for(Connection& connection) {
    connection.since = ring_.now();
    waiting_.push_back(connection);
}

/// False where no TLS came about.
io::Task<bool> ApiServer::secure(Connection& connection) {
    auto session = tls_->context(ring_.now()).accept(connection.stream.socket());
    connection.trust = tls_->trust(ring_.now());
    if (session == nullptr) co_return false;
    const int error = co_await session->handshake(ring_.now() + head_time);
    if (error == EPROTO) {
        // A client that speaks HTTP here, or shows no certificate, sees an end and not a reset.
        co_await linger(connection.stream);
    }
    if (error != 0) co_return false;
    if (std::string name = net::tls::client_name(*session); !name.empty())
        connection.peer = std::move(name);
    connection.stream.secure(std::move(session));
    co_return true;
}

io::Task<void> ApiServer::converse(Connection& connection) {
    io::BlockRef unread;
    bool keep = true;
    while (keep && !stopping_) {
        if (!unread) {
            io::Received received = co_await connection.stream.receive(ring_.now() + idle_time);
            if (!received.block) break;
            unread = std::move(received.block);
        }
        if (is_distrusted(connection)) {
            co_await linger(connection.stream);
            break;
        }
        keep = co_await serve_one(connection, unread);
    }
}

/// Its client has been let in by authorities that are not the present ones: it may come again.
bool ApiServer::is_distrusted(const Connection& connection) {
    return tls_ != nullptr && tls_->trust(ring_.now()) != connection.trust;
}

/// Reads on for a moment, so that a refused client sees our answer before its bytes meet a closed
/// socket.
io::Task<void> ApiServer::linger(net::Stream& stream) {
    stream.shutdown_send();
    const TimePoint deadline = ring_.now() + linger_time;
    std::size_t left = most_lingering;
    while (ring_.now() < deadline) {
        io::Received received = co_await stream.receive(deadline, io::ReceiveSize::large);
        if (!received.block || received.block->filled().size() >= left) co_return;
        left -= received.block->filled().size();
    }
}

// --- requests ---

/// True where the next request may follow.
io::Task<bool> ApiServer::serve_one(Connection& connection, io::BlockRef& unread) {
    MessageReader reader(connection.stream, Parser::Role::requests);
    reader.give(std::move(unread));
    http::RequestHead request;
    const ReadResult read =
        co_await reader.read_request(request, head_limits, ring_.now() + head_time);
    ApiResponse response;
    std::optional<AtWork> at_work;
    if (read.ok()) {
        reader.start_body(request.framing);
        response = co_await respond(connection, reader, request, at_work);
    } else if (read.outcome == ReadOutcome::refused) {
        response = problem(read.refusal.status, read.refusal.reason);
    } else if (read.outcome == ReadOutcome::timed_out) {
        response = problem(Status::request_timeout, "the request head did not come in time");
    } else {
        co_return false;
    }
    const bool is_stream = response.stream != nullptr;
    const bool keep =
        read.ok() && request.keep_alive && reader.body_ended() && !stopping_ && !is_stream;
    const bool head_only = read.ok() && request.method == http::Method::head;
    const bool is_write = read.ok() && !Api::is_read(request.method_text);
    BudgetShare share(answers_);
    const bool fits = response.body.size() <= small_answer || share.take(response.body.capacity());
    if (!fits && !is_write)
        response = try_again("Too many large answers are under way; try again in a moment.");
    // Nobody is cut off to make room whose write is in force and who has not heard of it.
    if (!is_stream && (!is_write || http::code(response.status) >= 300)) at_work.reset();
    if (is_stream && framing_for(request) == StreamFraming::chunked)
        response.fields.emplace_back("Transfer-Encoding", "chunked");
    bool sent = co_await send(connection.stream, response, head_only, keep);
    if (is_stream && sent && !head_only)
        sent = co_await stream_out(connection, *response.stream, request);
    at_work.reset();
    if (sent && !keep) co_await linger(connection.stream);
    unread = reader.take_leftover();
    co_return sent&& keep;
}

io::Task<ApiResponse> ApiServer::respond(Connection& connection, MessageReader& reader,
                                         const http::RequestHead& request,
                                         std::optional<AtWork>& at_work) {
    Fields fields(request);
    ApiRequest asked = request_of(request, fields, connection.peer, connection.stream.is_secured());
    Admission admission = api_.admit(asked);
    if (!admission.refusal && request.framing.length > admission.most_body)
        admission.refusal = Api::body_too_large(admission.most_body);
    if (admission.refusal)
        co_return api_.refused(asked, admission.caller, *std::move(admission.refusal));
    // Who may send no body has to wait in line until it is clear that there is none.
    if (admission.most_body > 0) at_work.emplace(*this, connection);
    if (request.expects_continue) {
        iovec piece = http::h1::piece_of("HTTP/1.1 100 Continue\r\n\r\n");
        const int error = co_await reader.stream().send(&piece, 1, stall_time);
        static_cast<void>(error);  // reading the body will tell
    }
    BudgetedBody body(bodies_);
    auto refusal = co_await read_body(reader, admission.most_body, body);
    // Closed for others' sake, or at our end, while it came: nobody would hear what becomes of it.
    if (connection.stream.is_interrupted())
        refusal = try_again("The connection was closed before the request was there.");
    if (refusal) co_return api_.refused(asked, admission.caller, *std::move(refusal));
    if (!at_work) at_work.emplace(*this, connection);
    connection.is_executed = true;
    asked.body = body.view();
    ApiResponse response = co_await answer(asked);
    co_return response;
}

io::Task<ApiResponse> ApiServer::answer(const ApiRequest& request) {
    ApiResponse response = co_await writes_.handle(request);
    while (!response.unknown_names.empty()) {
        NamesWanted wanted(ring_, names_, std::move(response.unknown_names));
        co_await wanted.until_known();
        response = co_await writes_.handle(request);
    }
    if (response.later) {
        // Whoever gives it may have the last reference.
        const auto late = std::make_shared<LateAnswer>(ring_);
        response.later([late, &ring = ring_](ApiResponse given) {
            ring.mailbox().post([late, given = std::move(given)]() mutable {
                late->response = std::move(given);
                late->given.set();
            });
        });
        co_await late->given.wait();
        response = std::move(late->response);
        api_.audit_later(request, response);
    }
    // What the answer says is what the next request sees: on every worker.
    if (response.wait_for_epoch != 0) co_await epochs_.until_passed(response.wait_for_epoch);
    co_return response;
}

/// Empty where all of it has come; else what is answered.
io::Task<std::optional<ApiResponse>> ApiServer::read_body(MessageReader& reader, std::size_t most,
                                                          BudgetedBody& body) {
    const TimePoint end = ring_.now() + body_time;
    while (!reader.body_ended()) {
        const BodyPiece piece = co_await reader.read_body(std::min(end, ring_.now() + stall_time));
        if (piece.result.outcome == ReadOutcome::timed_out)
            co_return problem(Status::request_timeout, "the request body did not come in time");
        if (!piece.result.ok()) co_return problem(Status::bad_request, "malformed request body");
        if (body.size() + piece.data.size() > most) co_return Api::body_too_large(most);
        if (!body.append(piece.data))
            co_return try_again("Too many large bodies are under way; try again in a moment.");
    }
    co_return std::nullopt;
}

io::Task<bool> ApiServer::send(net::Stream& stream, const ApiResponse& response, bool head_only,
                               bool keep_alive) {
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nDate: {}\r\nX-Content-Type-Options: nosniff\r\n",
        http::code(response.status), http::reason_phrase(response.status), date_.at(ring_.now()));
    for (const auto& [name, value] : response.fields)
        head += fmt::format("{}: {}\r\n", name, value);
    if (!has_field(response, "Cache-Control")) head += "Cache-Control: no-store\r\n";
    const bool has_content =
        response.status != Status::no_content && response.status != Status::not_modified;
    if (has_content) head += fmt::format("Content-Type: {}\r\n", response.content_type);
    if (has_content && response.stream == nullptr)
        head += fmt::format("Content-Length: {}\r\n", response.body.size());
    head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    const bool with_body = has_content && !head_only && !response.body.empty();
    iovec pieces[2] = {http::h1::piece_of(head), http::h1::piece_of(response.body)};
    const SendLimit limit(stream, response.body.size());
    const int error = co_await stream.send(pieces, with_body ? 2 : 1, stall_time);
    co_return error == 0;
}

/// As long as its client may read what is here. It is not cut off at stop(): whoever makes the
/// stream ends it.
io::Task<bool> ApiServer::stream_out(Connection& connection, ResponseStream& body,
                                     const http::RequestHead& request) {
    Fields fields(request);
    const ApiRequest asked =
        request_of(request, fields, connection.peer, connection.stream.is_secured());
    const StreamTerms terms{
        .framing = framing_for(request), .stall_limit = stall_time, .is_welcome = [&] {
            return !is_distrusted(connection) && !api_.admit(asked).refusal;
        }};
    const bool whole = co_await send_stream(connection.stream, body, terms);
    co_return whole;
}

}  // namespace penstock::control
