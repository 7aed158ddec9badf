#include "proxy/exchange.hpp"

#include <cerrno>

#include "io/ring.hpp"
#include "proxy/balance/balancer.hpp"
#include "proxy/balance/client_key.hpp"
#include "proxy/forwarded_headers.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

namespace {

using http::BodyFraming;
using http::BodyPiece;
using http::Method;
using http::ReadOutcome;
using http::ReadResult;
using http::Status;
using http::h1::HeadBuffer;
using AdmissionVerdict = Admission::Verdict;

/// Unread request bodies up to this size, and for this long, are read and dropped to keep the
/// connection.
constexpr std::uint64_t most_drained = 64 * 1024;
constexpr Duration longest_drain = std::chrono::seconds(1);
/// How often one backend may refuse a request's stream in one attempt.
constexpr int most_refusals = 3;

}  // namespace

Exchange::Exchange(Worker& worker, const Peer& peer, ConnectionId& connection_id,
                   net::Stream& connection, http::Downstream& client) noexcept
    : worker_(worker),
      connection_id_(connection_id),
      connection_(connection),
      client_(client),
      identity_(request_, peer, worker_.settings(), worker_.random()),
      admission_(worker_.ring()),
      kept_(worker_.ring().buffers()) {
    worker_.note_exchange();
}

Exchange::~Exchange() {
    attempt_.reset();  // while its route is held
    admission_.release();
    client_.watch(nullptr);
    worker_.ring().timers().disarm(route_timer_);
    if (route_ != nullptr) worker_.snapshots().release(*route_);
}

// --- the life of a request ---

io::Task<AfterExchange> Exchange::run() {
    const TimePoint deadline = worker_.ring().now() + worker_.settings().header_timeout;
    const ReadResult read =
        co_await client_.read_request(request_, worker_.settings().head, deadline);
    client_.watch(this);
    request_readable_ = read.ok();
    started_ = worker_.ring().now();
    if (!read.ok()) {
        unreadable(read);
    } else if (client_.input_error() != 0) {
        client_gone_ = true;  // reset before anyone watched
    } else if (accept_request()) {
        client_.start_body(request_.framing);
        first_piece_ = client_.body_at_hand();
        co_await forward();
    } else {
        client_.start_body(request_.framing);
    }
    if (failure_ && !response_started_ && !client_gone_) co_await refuse(*failure_);
    tell_ended();
    co_return conclude();
}

/// Finds the route and checks what needs no backend; false with failure_ set where the answer is
/// ours.
bool Exchange::accept_request() {
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
    worker_.tracker().received(*route_, worker_.ring().now());
    if (worker_.sheds()) {
        worker_.tracker().shed();
        fail(response_to_shedding());
    } else if (is_misdirected()) {
        fail(refusal(Status::misdirected_request,
                     "this connection's certificate is not for this host"));
    } else if (wants_https()) {
        redirect_to_https();
    } else if (came_from_us(request_, settings.node_name)) {
        fail(refusal(Status::loop_detected, "the request has passed here before"));
    } else if (max_forwards(request_) == std::uint64_t{0}) {
        // RFC 9110 section 7.6.2: the request ends here, and OPTIONS is ours to answer.
        fail({Status::no_content,
              {},
              {},
              "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n"});
    } else if (request_.is_extended_connect && allowed_upgrade(request_, *route_).empty()) {
        fail(refusal(Status::not_implemented, "the route does not take this protocol"));
    } else if (route_->max_body_bytes != 0 && request_.framing.length > route_->max_body_bytes) {
        fail(refusal(Status::content_too_large, "the body is larger than the route allows"));
    } else if (route_->abort_on_close && client_.peer_finished()) {
        client_gone_ = true;
    }
    return !failure_ && !client_gone_;
}

bool Exchange::is_secured() const noexcept {
    return connection_.is_secured();
}

/// RFC 9110 section 15.5.20: a client that reuses its connection for a name which the connection's
/// certificate does not cover, and which has one of its own, is to open another.
bool Exchange::is_misdirected() const noexcept {
    if (!is_secured()) return false;
    const net::tls::Certificate* const shown = connection_.session().certificate();
    const auto& certificates = worker_.snapshots().current()->certificates();
    return shown != nullptr && !shown->covers(request_.host()) &&
           certificates.find_own(request_.host()) != nullptr;
}

/// By autoHttps, once the name has a certificate. What a trusted proxy took over TLS is secure
/// already.
bool Exchange::wants_https() const noexcept {
    if (!route_->auto_https || is_secured()) return false;
    if (believed(request_, identity_.peer(), http::FieldId::x_forwarded_proto) == "https")
        return false;
    return worker_.snapshots().current()->certificates().find_own(request_.host()) != nullptr;
}

void Exchange::redirect_to_https() {
    const std::uint16_t port = worker_.settings().https_public_port;
    const std::string_view path = request_.path.starts_with('/') ? request_.path : "/";
    location_ = "Location: https://";
    location_ += request_.host();
    if (port != 443) location_ += ':' + std::to_string(port);
    location_ += path;
    location_ += "\r\n";
    fail({Status::permanent_redirect, {}, "this host is served over https", location_});
}

/// Passes its guard, waits for its turn, then brings the request to a backend and its answer back.
io::Task<void> Exchange::forward() {
    if (route_->timeout)
        worker_.ring().timers().arm(route_timer_, worker_.ring().now() + *route_->timeout);
    if (route_->is_guarded) {
        const bool passes = co_await pass_guard();
        if (!passes) co_return;
    }
    const std::optional<AdmissionVerdict> verdict = admission_.try_enter(*route_);
    bool admitted = verdict == AdmissionVerdict::admitted;
    if (!verdict) {
        admitted = co_await wait_turn();
    } else if (!admitted) {
        fail(response_to(*verdict));
    }
    if (admitted) co_await reach_backend();
    end_backend_work();
}

/// One backend after the other, as far as the route's retries go.
io::Task<void> Exchange::reach_backend() {
    upgrade_ = allowed_upgrade(request_, *route_);
    HeadBuffer head(worker_.ring().buffers());
    write_upstream_head(head, request_,
                        {.settings = worker_.settings(),
                         .route = *route_,
                         .identity = identity_,
                         .upgrade = upgrade_,
                         .scheme = is_secured() ? "https" : "http",
                         .granted = hook_.get()});
    if (head.overflowed()) {
        fail(refusal(Status::request_header_fields_too_large,
                     "the head is too large to be forwarded"));
        co_return;
    }
    while (choose_upstream()) {
        co_await try_upstream(head);
        if (!take_retry()) break;
    }
}

/// False where no backend is left, with failure_ set: to the last attempt's, where there was one.
bool Exchange::choose_upstream() noexcept {
    const TimePoint now = worker_.ring().now();
    const bool by_client = route_->strategy == BalancingStrategy::ip_hash;
    const Choice choice{.random = worker_.random(),
                        .now = now,
                        .client = by_client ? client_key(identity_.client()) : 0,
                        .tried = retries_.tried()};
    while (const snapshot::Upstream* upstream = pick_upstream(*route_, choice)) {
        const auto admitted = upstream->live->circuit.admit(now);
        if (!admitted.yes) continue;  // another request has just taken the trial
        if (failure_) start_over();
        if (!attempt_) dispatched_ = now;
        retries_.add(*upstream);
        attempt_.emplace(worker_, *route_, *upstream, admitted);
        return true;
    }
    fail(response_to(AdmissionVerdict::no_backend));
    return false;
}

/// On a kept connection, and once more on a new one where the backend had just closed that; again,
/// too, where it says that it has not looked at the request (RFC 9113 section 8.7).
io::Task<void> Exchange::try_upstream(const HeadBuffer& head) {
    int refusals = 0;
    for (bool fresh = false;; fresh = true) {
        const int error =
            co_await attempt_->reach(fresh, connect_limit(), identity_, connection_.fd());
        if (abort_error_ != 0) {  // perhaps while there was no connection to interrupt
            fail(response_to_failure(abort_error_));
            co_return;
        }
        if (error != 0) {
            attempt_failed(AttemptFailure::not_connected, error, attempt_->answer_to(error));
            co_return;
        }
        co_await exchange_messages(head);
        const bool was_refused = attempt_->failure() == AttemptFailure::unprocessed;
        if (was_refused && ++refusals > most_refusals) co_return;
        if (!(attempt_->is_stale() || was_refused) || !may_repeat()) co_return;
        attempt_->forget_failure();
        start_over();
    }
}

// --- failures and retries ---

/// The backend's failure, unless the client's has led to it.
void Exchange::attempt_failed(AttemptFailure failure, int error,
                              const OwnResponse& answer) noexcept {
    if (failure_ || client_gone_ || abort_error_ != 0) return fail(answer);
    const bool ours = failure == AttemptFailure::not_connected && is_lack_of_resources(error);
    attempt_->failed(ours ? AttemptFailure::no_resources : failure, error,
                     snapshot::error_kind_of(answer.error), client_.body_ended());
    fail(answer);
}

/// True where the request can be sent as it was: nobody has seen it, or it may be repeated and is
/// at hand.
bool Exchange::may_repeat() const noexcept {
    if (!failure_ || client_gone_ || abort_error_ != 0 || backend_spoke_ || !request_readable_)
        return false;
    if (attempt_->failure() == AttemptFailure::not_connected) return true;
    const bool at_hand = first_piece_.last || kept_.bytes().size() == client_.body_bytes_read();
    const bool nothing_done = attempt_->failure() == AttemptFailure::unprocessed;
    return at_hand && (nothing_done || is_idempotent(request_.method_text));
}

bool Exchange::take_retry() noexcept {
    switch (attempt_->failure()) {
        case AttemptFailure::not_connected:
        case AttemptFailure::broken_off:
        case AttemptFailure::timed_out:
        case AttemptFailure::unprocessed:
            break;
        default:
            return false;
    }
    const bool again = may_repeat() && retries_.take(*route_, worker_.ring().now());
    if (again) attempt_->drop();
    return again;
}

/// Forgets what an attempt has left behind.
void Exchange::start_over() noexcept {
    failure_.reset();
    request_sent_ = false;
    sending_stopped_ = false;
    response_deadline_ = never;
}

// --- our own answer ---

/// Our own answer; then what is left of the request's body is read, where it is short, so that the
/// connection lives.
io::Task<void> Exchange::refuse(const OwnResponse& response) {
    const bool body_is_long = request_.framing.kind == BodyFraming::Kind::length &&
                              request_.framing.length > most_drained;
    const bool may_never_come = request_.expects_continue && !client_.has_leftover();
    client_keeps_ = may_keep_client() && !body_is_long && !may_never_come;
    HeadBuffer out(worker_.ring().buffers());
    write_own_response(out, response,
                       {.node_name = worker_.settings().node_name,
                        .date = worker_.date(),
                        .keep_alive = client_keeps_,
                        .client_is_1_0 = request_.minor_version == 0,
                        .without_body = request_.method == Method::head,
                        .strict_transport = route_ != nullptr && route_->auto_https && is_secured(),
                        .edits = route_ != nullptr ? &route_->response_edits : nullptr,
                        .identity = &identity_});
    response_started_ = true;
    status_ = static_cast<std::uint16_t>(response.code());
    const std::size_t head_size = out.bytes().find("\r\n\r\n") + 4;
    const http::Outgoing sent{.head = out.bytes().substr(0, head_size),
                              .data = out.bytes().substr(head_size),
                              .last = true};
    const int error = co_await client_.send(sent, worker_.settings().body_timeout);
    response_whole_ = error == 0;
    client_gone_ = error != 0;
    if (response_whole_) bytes_out_ = sent.data.size();
    const bool holds_up_next = client_keeps_ && response_whole_ && !client_.is_multiplexed();
    if (holds_up_next) client_keeps_ = co_await drain_request_body();
}

io::Task<bool> Exchange::drain_request_body() {
    const TimePoint deadline = worker_.ring().now() + longest_drain;
    while (!client_.body_ended()) {
        const BodyPiece piece = co_await client_.read_body(deadline);
        if (!piece.result.ok() || client_.body_bytes_read() > most_drained) co_return false;
    }
    co_return true;
}

// --- endings ---

AfterExchange Exchange::conclude() noexcept {
    if (status_ == 101) return AfterExchange::close;  // the tunnel has ended
    if (client_gone_) return response_started_ ? AfterExchange::reset : AfterExchange::close;
    if (response_started_ && !response_whole_) {
        // Cut short. A length or chunks tell the client so; a body that ends with the connection
        // does not.
        const bool untold =
            response_.framing.kind != BodyFraming::Kind::length && !chunked_to_client_;
        return untold ? AfterExchange::reset : AfterExchange::close;
    }
    if (!response_whole_) return AfterExchange::close;
    if (!client_.body_ended()) return AfterExchange::linger;
    if (client_keeps_) return AfterExchange::keep;
    return failure_ || client_.has_leftover() ? AfterExchange::linger : AfterExchange::close;
}

bool Exchange::may_keep_client() const noexcept {
    const bool body_readable = client_.body_ended() || failure_.has_value();
    return request_readable_ && request_.keep_alive && body_readable && !worker_.draining() &&
           !worker_.sheds() && abort_error_ == 0;
}

/// To be answered, where there is still a client.
void Exchange::fail(const OwnResponse& failure) noexcept {
    if (!failure_ && !client_gone_) failure_ = failure;
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

/// The whole response has been read: the backend is done with it, however slow the client is.
void Exchange::on_source_end() noexcept {
    response_read_ = true;
    attempt_->succeeded();
    if (request_sent_) end_backend_work();
}

/// Gives up the connection, then the place in the route's count: in this order, or the next request
/// could be at the backend before this one has left it.
void Exchange::end_backend_work() noexcept {
    if (attempt_ && attempt_->is_connected()) {
        if (response_read_ && request_sent_) {
            attempt_->finish(response_.keep_alive);
        } else {
            attempt_->drop();
        }
    }
    if (attempt_) attempt_->end();
    admission_.release();
}

void Exchange::on_client_change() noexcept {
    const bool waits = admission_.is_waiting() || (guard_ != nullptr && guard_->is_waiting());
    const bool is_missed = waits || (route_ != nullptr && route_->abort_on_close);
    if (client_.input_error() != 0 || (client_.peer_finished() && is_missed)) client_left();
}

void Exchange::client_left() noexcept {
    client_gone_ = true;
    abort(ECANCELED);
}

void Exchange::on_timeout(io::Timer& timer) {
    static_cast<RouteTimer&>(timer).exchange.abort(ETIMEDOUT);
}

void Exchange::abort(int error) noexcept {
    if (abort_error_ == 0) abort_error_ = error;
    sending_stopped_ = true;
    client_.stop_reading(error);
    // A response that has begun cannot be told of: it is broken off, whether its client reads or
    // not.
    if (response_started_ && !response_whole_) client_.interrupt(error);
    if (guard_ != nullptr) guard_->abandon();
    admission_.abandon();
    if (attempt_) attempt_->interrupt(error);
}

}  // namespace penstock::proxy
