#include "proxy/exchange.hpp"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/bytes.hpp"
#include "io/both.hpp"
#include "io/ring.hpp"
#include "proxy/balance/balancer.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/forwarded_headers.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

namespace {

using http::BodyFraming;
using http::Method;
using http::Status;
using http::h1::BodyPiece;
using http::h1::HeadBuffer;
using http::h1::MessageReader;
using http::h1::Parser;
using http::h1::ReadOutcome;
using http::h1::ReadResult;

/// Unread request bodies up to this size, and for this long, are read and dropped to keep the
/// connection.
constexpr std::uint64_t most_drained = 64 * 1024;
constexpr Duration longest_drain = std::chrono::seconds(1);
/// After a head with Expect, the client is given this long before its body counts as late.
constexpr Duration expectation_grace = std::chrono::seconds(1);

bool is_idempotent(std::string_view method) noexcept {  // RFC 9110 section 9.2.2
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

bool same_protocol(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

OwnResponse refusal(Status status, std::string_view reason) noexcept {
    return response_to_refusal({status, reason});
}

}  // namespace

io::Task<AfterExchange> run_exchange(ClientConnection& client, io::BlockRef& unread) {
    Exchange exchange(client, unread);
    co_return co_await exchange.run();
}

Exchange::Exchange(ClientConnection& client, io::BlockRef& unread) noexcept
    : client_(client),
      worker_(client.worker()),
      unread_(unread),
      client_reader_(client.socket(), Parser::Role::requests) {
    client_.exchange_ = this;
    worker_.note_exchange();
    client_reader_.give(std::move(unread));
    const http::h1::HeadLimits& limits = worker_.settings().head;
    client_reader_.limit_chunk_overhead(limits.header_bytes, limits.headers);
}

Exchange::~Exchange() {
    client_.exchange_ = nullptr;
    client_.socket().watch(nullptr);
    worker_.ring().timers().disarm(route_timer_);
    if (route_ != nullptr) worker_.snapshots().release(*route_);
}

// --- the life of a request ---

io::Task<AfterExchange> Exchange::run() {
    const TimePoint deadline = worker_.ring().now() + worker_.settings().header_timeout;
    const ReadResult read =
        co_await client_reader_.read_request(request_, worker_.settings().head, deadline);
    client_.socket().watch(this);
    request_readable_ = read.ok();
    if (!read.ok()) {
        unreadable(read);
    } else if (client_.socket().input_error() != 0) {
        client_gone_ = true;  // reset before anyone watched
    } else if (accept_request()) {
        client_reader_.start_body(request_.framing);
        first_piece_ = client_reader_.body_at_hand();
        co_await forward();
    } else {
        client_reader_.start_body(request_.framing);
    }
    if (failure_ && !response_started_ && !client_gone_) co_await refuse(*failure_);
    co_return conclude();
}

/// Finds the route and checks what needs no backend; false with failure_ set where the answer is
/// ours.
bool Exchange::accept_request() noexcept {
    const Settings& settings = worker_.settings();
    if (request_.method == Method::connect || request_.method == Method::trace) {
        fail(refusal(Status::method_not_allowed, "CONNECT and TRACE are not forwarded"));
        return false;
    }
    route_ = worker_.snapshots().current()->match(request_.host());
    if (route_ == nullptr) {
        fail(refusal(Status::not_found, "no route for this host"));
        return false;
    }
    worker_.snapshots().hold(*route_);
    if (came_from_us(request_, settings.node_name)) {
        fail(refusal(Status::loop_detected, "the request has passed here before"));
    } else if (max_forwards(request_) == std::uint64_t{0}) {
        // RFC 9110 section 7.6.2: the request ends here, and OPTIONS is ours to answer.
        fail({Status::no_content,
              {},
              {},
              "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n"});
    } else if (route_->max_body_bytes != 0 && request_.framing.length > route_->max_body_bytes) {
        fail(refusal(Status::content_too_large, "the body is larger than the route allows"));
    } else if (route_->abort_on_close && client_.socket().input_ended()) {
        client_gone_ = true;
    }
    return !failure_ && !client_gone_;
}

/// Picks a backend, brings the request there and its answer back.
io::Task<void> Exchange::forward() {
    upstream_ = pick_upstream(*route_, {.random = worker_.random(), .now = worker_.ring().now()});
    if (upstream_ == nullptr) {
        fail(refusal(Status::service_unavailable, "the route has no backend that takes requests"));
        co_return;
    }
    if (route_->timeout)
        worker_.ring().timers().arm(route_timer_, worker_.ring().now() + *route_->timeout);
    upgrade_ = allowed_upgrade(request_, *route_);
    HeadBuffer head(worker_.ring().buffers());
    write_upstream_head(head, request_,
                        {worker_.settings(), client_.peer(), upgrade_, worker_.random()});
    if (head.overflowed()) {
        fail(refusal(Status::request_header_fields_too_large,
                     "the head is too large to be forwarded"));
        co_return;
    }
    for (bool fresh = false;;) {
        const bool reached = co_await reach(*upstream_, fresh);
        if (!reached) co_return;
        co_await exchange_messages(head);
        const bool again = may_retry_stale();
        release_upstream();
        if (!again) co_return;
        // The backend had closed the idle connection just as we took it: once more, on a new one.
        fresh = true;
        failure_.reset();
        request_sent_ = false;
        response_deadline_ = never;
    }
}

/// A connection to the backend: a kept one, or a new one where there is none or `fresh` wants it.
io::Task<bool> Exchange::reach(const snapshot::Upstream& upstream, bool fresh) {
    pool_ = &worker_.upstream_pools().of(upstream);
    connection_ = fresh ? nullptr : pool_->lease();
    if (connection_ == nullptr) {
        auto socket = worker_.ring().connect_socket(upstream.address.family());
        if (!socket) {
            fail(response_to_failure(socket.error()));
            co_return false;
        }
        connection_ = pool_->add(**socket);
        const int on = 1;
        ::setsockopt((*socket)->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        const TimePoint deadline = worker_.ring().now() + connect_limit();
        const int error =
            co_await (*socket)->connect(upstream.address.data(), upstream.address.size(), deadline);
        if (error != 0) {
            fail(response_to_failure(error));
            release_upstream();
            co_return false;
        }
    }
    backend_reader_.emplace(connection_->socket(), Parser::Role::responses);
    if (abort_error_ != 0) {  // while there was no connection to interrupt
        fail(response_to_failure(abort_error_));
        release_upstream();
    }
    co_return abort_error_ == 0;
}

/// Sends the request and receives the response: at once where the body is still coming.
io::Task<void> Exchange::exchange_messages(const HeadBuffer& head) {
    if (first_piece_.last) {
        co_await send_request(head);
        co_await receive_response();
    } else {
        io::Task<void> sending = send_request(head);
        io::Task<void> receiving = receive_response();
        co_await io::both(sending, receiving);
    }
    if (response_.status == 101 && final_head_read_ && !failure_) co_await switch_protocols();
}

// --- towards the backend ---

io::Task<void> Exchange::send_request(const HeadBuffer& head) {
    const Settings& settings = worker_.settings();
    RelayOptions options{.chunked = request_.framing.kind == BodyFraming::Kind::chunked,
                         .stall_limit = settings.body_timeout,
                         .max_bytes = route_->max_body_bytes,
                         .min_rate = settings.min_rate,
                         .stopped = &sending_stopped_};
    if (request_.expects_continue) options.patience_from = worker_.ring().now() + expectation_grace;
    const Relayed relayed =
        co_await relay(client_reader_, connection_->socket(), head.bytes(), first_piece_, options);
    request_relayed(relayed);
}

void Exchange::request_relayed(const Relayed& relayed) noexcept {
    io::Socket& backend = connection_->socket();
    switch (relayed.end) {
        case RelayEnd::complete:
            request_sent_ = true;
            await_response_from_now();
            return;
        // The backend may have answered before it closed: that is read still.
        case RelayEnd::sink_failed:
            await_response_from_now();
            return;
        case RelayEnd::source_failed:
            unreadable(relayed.read);
            break;
        case RelayEnd::too_large:
            fail(refusal(Status::content_too_large, "the body is larger than the route allows"));
            break;
        case RelayEnd::too_slow:
            fail(refusal(Status::request_timeout, "the body comes too slowly"));
            break;
    }
    // The request cannot become whole. A response that has begun is still delivered; one that has
    // not is not awaited.
    if (!final_head_read_) backend.interrupt(ECANCELED);
}

void Exchange::await_response_from_now() noexcept {
    response_deadline_ = worker_.ring().now() + response_limit();
    if (!final_head_read_) connection_->socket().set_receive_deadline(response_deadline_);
}

// --- towards the client ---

io::Task<void> Exchange::receive_response() {
    for (;;) {
        const ReadResult read =
            co_await backend_reader_->read_response(response_, request_.method, response_deadline_);
        if (!read.ok()) {
            response_failed(read);
            co_return;
        }
        backend_spoke_ = true;
        if (!response_.is_interim()) break;
        co_await pass_interim();
    }
    final_head_read_ = true;
    if (response_.status == 101) {
        if (upgrade_.empty() || !same_protocol(response_.upgrade, upgrade_)) {
            fail(refusal(Status::bad_gateway, "the backend switched protocols unasked"));
        }
        co_return;  // switch_protocols() follows once the request is wholly sent
    }
    co_await answer();
    if (!request_sent_) {  // an early response: the rest of the request is of no use to anyone
        sending_stopped_ = true;
        client_.socket().cancel_receive(ECANCELED);
        connection_->socket().interrupt(ECANCELED);
    }
}

void Exchange::response_failed(const ReadResult& read) noexcept {
    if (backend_reader_->has_leftover()) backend_spoke_ = true;
    if (abort_error_ == ETIMEDOUT) {
        fail(refusal(Status::gateway_timeout, "the request took longer than the route allows"));
    } else if (read.outcome == ReadOutcome::refused) {
        fail(response_to_refusal(read.refusal));
    } else if (read.outcome == ReadOutcome::timed_out) {
        fail(refusal(Status::gateway_timeout, "the backend did not answer in time"));
    } else {
        fail(response_to_failure(read.error));
    }
}

io::Task<void> Exchange::pass_interim() {
    if (request_.minor_version == 0) co_return;  // HTTP/1.0 knows no 1xx
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(head, response_, {.settings = worker_.settings(), .date = {}});
    iovec piece = http::h1::piece_of(head.bytes());
    const int error = co_await client_.socket().send(&piece, 1, worker_.settings().body_timeout);
    if (error != 0) abort(error);
}

io::Task<void> Exchange::answer() {
    const BodyFraming& framing = response_.framing;
    backend_reader_->start_body(framing);
    const bool has_end =
        framing.kind == BodyFraming::Kind::none || framing.kind == BodyFraming::Kind::length;
    const bool is_1_0 = request_.minor_version == 0;
    chunked_to_client_ =
        !has_end && !is_1_0;  // HTTP/1.0 knows no chunks: the connection's end is the body's
    client_keeps_ = may_keep_client() && (has_end || chunked_to_client_);
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(head, response_,
                      {.settings = worker_.settings(),
                       .date = worker_.date(),
                       .chunked = chunked_to_client_,
                       .keep_alive = client_keeps_,
                       .client_is_1_0 = is_1_0});
    if (head.overflowed()) {
        fail(refusal(Status::bad_gateway, "the response head is too large to be forwarded"));
        co_return;
    }
    const BodyPiece first = backend_reader_->body_at_hand();
    if (!first.result.ok()) {  // nothing has gone to the client yet: it can still be told
        fail(refusal(Status::bad_gateway, "the backend's body is malformed"));
        co_return;
    }
    response_started_ = true;
    const RelayOptions options{.chunked = chunked_to_client_,
                               .stall_limit = worker_.settings().body_timeout};
    const Relayed relayed =
        co_await relay(*backend_reader_, client_.socket(), head.bytes(), first, options);
    response_whole_ = relayed.end == RelayEnd::complete;
    if (relayed.end == RelayEnd::sink_failed) client_gone_ = true;
}

io::Task<void> Exchange::switch_protocols() {
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(head, response_, {.settings = worker_.settings(), .date = worker_.date()});
    response_started_ = true;
    iovec piece = http::h1::piece_of(head.bytes());
    const int error = co_await client_.socket().send(&piece, 1, worker_.settings().body_timeout);
    if (error != 0) co_return;
    io::BlockRef from_client = client_reader_.take_leftover();
    io::BlockRef from_backend = backend_reader_->take_leftover();
    client_.socket().watch(nullptr);
    worker_.ring().timers().disarm(
        route_timer_);  // it bounds the request; the tunnel has its own limit
    co_await tunnel(client_.socket(), connection_->socket(), from_client, from_backend,
                    route_->tunnel_idle, worker_.settings().body_timeout);
}

/// Our own answer; then what is left of the request's body is read, where it is short, so that the
/// connection lives.
io::Task<void> Exchange::refuse(const OwnResponse& response) {
    const bool body_is_long = request_.framing.kind == BodyFraming::Kind::length &&
                              request_.framing.length > most_drained;
    const bool may_never_come = request_.expects_continue && !client_reader_.has_leftover();
    client_keeps_ = may_keep_client() && !body_is_long && !may_never_come;
    HeadBuffer out(worker_.ring().buffers());
    write_own_response(out, response,
                       {.node_name = worker_.settings().node_name,
                        .date = worker_.date(),
                        .keep_alive = client_keeps_,
                        .client_is_1_0 = request_.minor_version == 0,
                        .without_body = request_.method == Method::head});
    response_started_ = true;
    iovec piece = http::h1::piece_of(out.bytes());
    const int error = co_await client_.socket().send(&piece, 1, worker_.settings().body_timeout);
    response_whole_ = error == 0;
    client_gone_ = error != 0;
    if (client_keeps_ && response_whole_) client_keeps_ = co_await drain_request_body();
}

io::Task<bool> Exchange::drain_request_body() {
    const TimePoint deadline = worker_.ring().now() + longest_drain;
    while (!client_reader_.body_ended()) {
        const BodyPiece piece = co_await client_reader_.read_body(deadline);
        if (!piece.result.ok() || client_reader_.body_bytes_read() > most_drained) co_return false;
    }
    co_return true;
}

// --- endings ---

AfterExchange Exchange::conclude() noexcept {
    if (client_gone_) return response_started_ ? AfterExchange::reset : AfterExchange::close;
    if (response_started_ && !response_whole_ && response_.status != 101) {
        // Cut short. A length or chunks tell the client so; a body that ends with the connection
        // does not.
        const bool untold =
            response_.framing.kind == BodyFraming::Kind::until_close && !chunked_to_client_;
        return untold ? AfterExchange::reset : AfterExchange::close;
    }
    if (!response_whole_) return AfterExchange::close;
    if (!client_reader_.body_ended()) return AfterExchange::linger;
    unread_ = client_reader_.take_leftover();
    if (client_keeps_) return AfterExchange::keep;
    return failure_ || unread_ ? AfterExchange::linger : AfterExchange::close;
}

bool Exchange::may_keep_client() const noexcept {
    const bool body_readable = client_reader_.body_ended() || failure_.has_value();
    return request_readable_ && request_.keep_alive && body_readable && !worker_.draining() &&
           abort_error_ == 0;
}

bool Exchange::may_retry_stale() const noexcept {
    return failure_ && connection_->reused() && !backend_spoke_ && !client_gone_ &&
           abort_error_ == 0 && first_piece_.last && is_idempotent(request_.method_text);
}

void Exchange::fail(const OwnResponse& failure) noexcept {
    if (!failure_) failure_ = failure;
}

/// The client's bytes stopped making sense, or stopped.
void Exchange::unreadable(const ReadResult& read) noexcept {
    request_readable_ = false;
    if (sending_stopped_) return;
    switch (read.outcome) {
        case ReadOutcome::refused:
            fail(response_to_refusal(read.refusal));
            break;
        case ReadOutcome::timed_out:
            fail(refusal(Status::request_timeout, "the request did not come in time"));
            break;
        default:
            client_gone_ = true;
            break;
    }
}

Duration Exchange::connect_limit() const noexcept {
    return route_->connect_timeout ? Duration(*route_->connect_timeout)
                                   : worker_.settings().connect_timeout;
}

Duration Exchange::response_limit() const noexcept {
    return route_->response_timeout ? Duration(*route_->response_timeout)
                                    : worker_.settings().response_timeout;
}

void Exchange::release_upstream() noexcept {
    const bool pristine = request_sent_ && response_whole_ && !failure_ &&
                          response_.status != 101 && response_.keep_alive && backend_reader_ &&
                          !backend_reader_->has_leftover();
    backend_reader_.reset();
    if (pristine) {
        pool_->give_back(connection_, *route_);
    } else {
        pool_->close(connection_);
    }
    connection_ = nullptr;
}

void Exchange::on_unawaited_input(io::Socket& socket) {
    if (socket.input_error() != 0) {
        client_gone_ = true;
        abort(ECANCELED);
    } else if (socket.input_ended() && route_ != nullptr && route_->abort_on_close) {
        client_gone_ = true;
        abort(ECANCELED);
    }
}

void Exchange::on_timeout(io::Timer& timer) {
    static_cast<RouteTimer&>(timer).exchange.abort(ETIMEDOUT);
}

void Exchange::abort(int error) noexcept {
    if (abort_error_ == 0) abort_error_ = error;
    sending_stopped_ = true;
    client_.socket().cancel_receive(error);
    if (connection_ != nullptr) connection_->socket().interrupt(error);
}

}  // namespace penstock::proxy
