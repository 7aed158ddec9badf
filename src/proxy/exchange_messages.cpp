// Exchange's messages: the request on its way up and the response on its way down.
#include <cerrno>

#include "base/bytes.hpp"
#include "io/both.hpp"
#include "io/ring.hpp"
#include "proxy/exchange.hpp"
#include "proxy/forwarded_headers.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

namespace {

using http::BodyFraming;
using http::BodyPiece;
using http::ReadOutcome;
using http::ReadResult;
using http::Status;
using http::h1::HeadBuffer;

/// After a head with Expect, the client is given this long before its body counts as late.
constexpr Duration expectation_grace = std::chrono::seconds(1);

/// Of a response whose body did not come whole.
snapshot::ErrorKind error_kind_of(ReadOutcome outcome) noexcept {
    switch (outcome) {
        case ReadOutcome::refused:
            return snapshot::ErrorKind::http_protocol_error;
        case ReadOutcome::timed_out:
            return snapshot::ErrorKind::http_response_timeout;
        default:
            return snapshot::ErrorKind::http_response_incomplete;
    }
}

}  // namespace

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
                         .stopped = &sending_stopped_,
                         .trailers_of = route_};
    // A backend that speaks HTTP/2 may refuse a stream of any method.
    const bool may_be_refused = attempt_->upstream().protocol != BackendProtocol::http1;
    const bool may_repeat = route_->retries > 0 && is_idempotent(request_.method_text);
    if (!first_piece_.last && (may_repeat || may_be_refused)) {
        options.keep = &kept_;
        if (retries_.made() == 0 && kept_.bytes().empty()) kept_.add(first_piece_.data);
    }
    if (request_.expects_continue) options.patience_from = worker_.ring().now() + expectation_grace;
    const Relayed relayed = co_await relay(worker_.ring(), client_, attempt_->backend(),
                                           head.bytes(), next_piece(), options);
    attempt_->sent(client_.body_bytes_read());
    request_relayed(relayed);
}

/// What is sent behind the head: of a body that comes in pieces, what an earlier attempt has read.
BodyPiece Exchange::next_piece() const noexcept {
    BodyPiece piece = first_piece_;
    if (!kept_.bytes().empty()) piece.data = kept_.bytes();
    piece.last = client_.body_ended();
    return piece;
}

void Exchange::request_relayed(const Relayed& relayed) noexcept {
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
            if (sending_stopped_) return;
            unreadable(relayed.read);
            // Reset, not only at an end: nobody waits for the answer, though it may have begun.
            if (client_.input_error() != 0) return client_left();
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
    if (!final_head_read_) attempt_->interrupt(ECANCELED);
}

void Exchange::await_response_from_now() noexcept {
    response_deadline_ = worker_.ring().now() + response_limit();
    if (!final_head_read_) attempt_->backend().set_read_deadline(response_deadline_);
}

// --- towards the client ---

io::Task<void> Exchange::receive_response() {
    for (;;) {
        const ReadResult read = co_await attempt_->backend().read_response(
            response_, request_.method, response_deadline_);
        if (!read.ok()) {
            response_failed(read);
            stop_sending();
            co_return;
        }
        backend_spoke_ = true;
        attempt_->spoke();
        if (!response_.is_interim()) break;
        co_await pass_interim();
    }
    final_head_read_ = true;
    if (response_.status == 101) {
        if (upgrade_.empty() || !equals_ignoring_case(response_.upgrade, upgrade_) ||
            !client_.accepts_switch(response_)) {
            attempt_failed(AttemptFailure::malformed, 0,
                           refusal(Status::bad_gateway, "the backend switched protocols unasked"));
        } else {
            attempt_->answered(response_.status);
            attempt_->switched();
        }
        co_return;  // switch_protocols() follows once the request is wholly sent
    }
    if (request_.is_extended_connect && response_.status < 300) {
        // RFC 8441 section 5: the client would take 2xx for the tunnel.
        attempt_failed(AttemptFailure::malformed, 0,
                       refusal(Status::bad_gateway, "the backend did not switch protocols"));
        co_return;
    }
    attempt_->answered(response_.status);
    co_await answer();
    if (!request_sent_) stop_sending();  // an early response: the rest is of no use to anyone
}

void Exchange::stop_sending() noexcept {
    sending_stopped_ = true;
    client_.stop_reading(ECANCELED);
    attempt_->interrupt(ECANCELED);
}

void Exchange::response_failed(const ReadResult& read) noexcept {
    if (attempt_->backend().has_leftover()) backend_spoke_ = true;
    if (abort_error_ == ETIMEDOUT) {
        fail(response_to_route_timeout());
    } else if (read.outcome == ReadOutcome::refused) {
        attempt_failed(AttemptFailure::malformed, 0, response_to_refusal(read.refusal));
    } else if (read.outcome == ReadOutcome::unprocessed) {
        attempt_failed(AttemptFailure::unprocessed, 0,
                       refusal(Status::bad_gateway, "the backend refused the stream"));
    } else if (read.outcome == ReadOutcome::timed_out) {
        attempt_failed(AttemptFailure::timed_out, ETIMEDOUT,
                       refusal(Status::gateway_timeout, "the backend did not answer in time"));
    } else {
        attempt_failed(AttemptFailure::broken_off, read.error, attempt_->answer_to(read.error));
    }
}

io::Task<void> Exchange::pass_interim() {
    if (request_.minor_version == 0) co_return;  // HTTP/1.0 knows no 1xx
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(
        head, response_,
        {.settings = worker_.settings(), .route = *route_, .identity = identity_, .date = {}});
    const http::Outgoing out{.head = head.bytes()};
    const int error = co_await client_.send(out, worker_.settings().body_timeout);
    if (error != 0) abort(error);
}

io::Task<void> Exchange::answer() {
    const BodyFraming& framing = response_.framing;
    attempt_->backend().start_body(framing);
    const bool has_end =
        framing.kind == BodyFraming::Kind::none || framing.kind == BodyFraming::Kind::length;
    const bool is_1_0 = request_.minor_version == 0;
    chunked_to_client_ =
        !has_end && !is_1_0;  // HTTP/1.0 knows no chunks: the connection's end is the body's
    client_keeps_ = may_keep_client() && (has_end || chunked_to_client_);
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(head, response_,
                      {.settings = worker_.settings(),
                       .route = *route_,
                       .identity = identity_,
                       .date = worker_.date(),
                       .chunked = chunked_to_client_,
                       .keep_alive = client_keeps_,
                       .client_is_1_0 = is_1_0,
                       .strict_transport = route_->auto_https && is_secured()});
    if (head.overflowed()) {
        fail(refusal(Status::bad_gateway, "the response head is too large to be forwarded"));
        co_return;
    }
    const BodyPiece first = attempt_->backend().body_at_hand();
    if (!first.result.ok()) {  // nothing has gone to the client yet: it can still be told
        attempt_->failed_midway(error_kind_of(first.result.outcome));
        fail(refusal(Status::bad_gateway, "the backend's body is malformed"));
        co_return;
    }
    response_started_ = true;
    status_ = response_.status;
    const RelayOptions options{.chunked = chunked_to_client_,
                               .stall_limit = worker_.settings().body_timeout,
                               .observer = this};
    const Relayed relayed =
        co_await relay(worker_.ring(), attempt_->backend(), client_, head.bytes(), first, options);
    response_whole_ = relayed.end == RelayEnd::complete;
    bytes_out_ = attempt_->backend().body_bytes_read();
    if (relayed.end == RelayEnd::sink_failed) client_gone_ = true;
    if (relayed.end == RelayEnd::source_failed && !client_gone_ && abort_error_ == 0)
        attempt_->failed_midway(error_kind_of(relayed.read.outcome));
}

io::Task<void> Exchange::switch_protocols() {
    HeadBuffer head(worker_.ring().buffers());
    write_client_head(head, response_,
                      {.settings = worker_.settings(),
                       .route = *route_,
                       .identity = identity_,
                       .date = worker_.date()});
    response_started_ = true;
    status_ = response_.status;
    const http::Outgoing out{.head = head.bytes()};
    const int error = co_await client_.send(out, worker_.settings().body_timeout);
    if (error != 0) co_return;
    response_whole_ = true;
    client_.watch(nullptr);
    worker_.ring().timers().disarm(
        route_timer_);  // it bounds the request; the tunnel has its own limit
    TunnelTraffic traffic;
    const TunnelEnd client_end{client_, client_};
    const TunnelEnd backend_end{attempt_->backend(), attempt_->backend()};
    co_await tunnel(worker_.ring(), client_end, backend_end, route_->tunnel_idle,
                    worker_.settings().body_timeout, traffic);
    bytes_out_ = traffic.from_backend;
    attempt_->count(traffic);
    attempt_->finish(false);
}

}  // namespace penstock::proxy
