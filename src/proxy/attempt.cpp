#include "proxy/attempt.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "io/ring.hpp"
#include "net/proxy_protocol.hpp"
#include "proxy/balance/balancer.hpp"
#include "proxy/passive_health.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

using snapshot::CircuitBreaker;
using snapshot::LiveChange;

namespace {

/// Connections that one attempt opens to a backend whose HTTP/2 connections turn out to take no
/// further stream.
constexpr int most_opened = 3;

LiveChange::Kind kind_of(CircuitBreaker::Change change) noexcept {
    switch (change) {
        case CircuitBreaker::Change::opened:
            return LiveChange::Kind::circuit_opened;
        case CircuitBreaker::Change::half_opened:
            return LiveChange::Kind::circuit_half_opened;
        default:
            return LiveChange::Kind::circuit_closed;
    }
}

/// Where the client is only known from what a proxy told of it, its port is not.
net::ProxyHeaderText header_about(RequestIdentity& client, int client_fd, std::uint8_t version) {
    const Peer& peer = client.peer();
    const bool is_peer = client.client() == peer.host();
    const auto source = net::Address::parse(client.client(), is_peer ? peer.port() : 0);
    return net::ProxyHeaderText::relayed(static_cast<net::ProxyProtocol>(version),
                                         source.value_or(net::Address()),
                                         net::Address::local_of(client_fd));
}

}  // namespace

Attempt::Attempt(Worker& worker, const snapshot::Route& route, const snapshot::Upstream& upstream,
                 CircuitBreaker::Admitted admitted) noexcept
    : worker_(worker),
      route_(route),
      upstream_(upstream),
      pool_(worker.upstream_pools().of(upstream)),
      is_trial_(admitted.is_trial) {
    record_.outcome = snapshot::AttemptOutcome::aborted;
    record_.started = sent_ = worker.ring().now();
    load::began(route_, upstream_, record_.started);
    worker.tracker().attempt_began(upstream_, record_.started);
    tell(admitted.change);
}

Attempt::~Attempt() {
    drop();
    end();
}

void Attempt::end() noexcept {
    if (std::exchange(ended_, true)) return;
    if (std::exchange(is_trial_, false)) upstream_.live->circuit.abandon_trial();
    load::ended(route_, upstream_);
    record_.now = worker_.ring().now();
    if (backend_ != nullptr) record_.bytes_out = backend_->body_bytes_read();
    worker_.tracker().attempt_ended(upstream_, record_);
}

// --- the connection ---

io::Task<int> Attempt::reach(bool fresh, Duration limit, RequestIdentity& client, int client_fd) {
    const TimePoint asked = worker_.ring().now();
    int error = 0;
    if (upstream_.protocol == BackendProtocol::http1) {
        error = co_await reach_serial(fresh, asked + limit, client, client_fd);
    } else {
        error = co_await reach_multiplexed(fresh, asked + limit);
    }
    if (error != 0) drop();
    co_return error;
}

io::Task<int> Attempt::reach_serial(bool fresh, TimePoint deadline, RequestIdentity& client,
                                    int client_fd) {
    connection_ = fresh || !is_shareable() ? nullptr : pool_.lease();
    was_proven_ = connection_ != nullptr;
    if (connection_ == nullptr) {
        const TimePoint asked = worker_.ring().now();
        int error = co_await open(deadline);
        if (error == 0 && !is_shareable()) error = co_await announce(client, client_fd, deadline);
        if (error == 0 && upstream_.tls != nullptr) {
            error = co_await upstream_.tls->secure(connection_->stream(), upstream_.protocol,
                                                   &pool_.sessions(), deadline, tls_failure_);
        }
        if (error != 0) co_return error;
        record_.connect = worker_.ring().now() - asked;
    }
    serial_.emplace(connection_->stream());
    backend_ = &*serial_;
    co_return 0;
}

/// On a connection that others use too, or are waiting for, or on a new one.
io::Task<int> Attempt::reach_multiplexed(bool fresh, TimePoint deadline) {
    for (int opened = 0;;) {
        UpstreamSession* shared = pool_.find_session();
        if (shared == nullptr) {
            if (++opened > most_opened) co_return ECONNREFUSED;
            const auto socket = worker_.ring().connect_socket(upstream_.address.family());
            if (!socket) co_return socket.error();
            const UpstreamSession::Terms terms{.idle_limit = route_.pool_idle,
                                               .stall_limit = worker_.settings().body_timeout,
                                               .deadline = deadline,
                                               .expected_streams = pool_.stream_limit()};
            shared = &pool_.open_session(**socket, upstream_, terms);
        }
        const TimePoint asked = worker_.ring().now();
        UpstreamSession::Waiter waiter(worker_.ring());
        waiting_ = &waiter;
        const int error = co_await shared->wait_ready(waiter, deadline);
        waiting_ = nullptr;
        if (error != 0) {
            if (error == EPROTO) tls_failure_ = shared->tls_failure();
            co_return error;
        }
        // Those before us have used its streams up, or it takes none.
        if (!shared->is_usable()) continue;
        if (worker_.ring().now() > asked) record_.connect = worker_.ring().now() - asked;
        was_proven_ = !fresh && shared->session().is_proven();
        multiplexed_.emplace(shared->session());
        backend_ = &*multiplexed_;
        co_return 0;
    }
}

io::Task<int> Attempt::open(TimePoint deadline) {
    const auto socket = worker_.ring().connect_socket(upstream_.address.family());
    if (!socket) co_return socket.error();
    connection_ = pool_.add(**socket);
    const int on = 1;
    ::setsockopt((*socket)->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const net::Address& address = upstream_.address;
    co_return co_await (*socket)->connect(address.data(), address.size(), deadline);
}

/// In front of everything else, TLS too.
io::Task<int> Attempt::announce(RequestIdentity& client, int client_fd, TimePoint deadline) {
    const net::ProxyHeaderText header = header_about(client, client_fd, upstream_.proxy_protocol);
    iovec piece = http::h1::piece_of(header.bytes());
    const Duration left = std::max(deadline - worker_.ring().now(), Duration::zero());
    co_return co_await connection_->stream().send(&piece, 1, left);
}

/// Of the connection that is there, or of the handshake of the one that is not any more.
TlsFailure Attempt::tls_failure(int error) const noexcept {
    if (error != EPROTO) return {};
    const bool is_secured = connection_ != nullptr && connection_->stream().is_secured();
    return is_secured ? connection_->stream().session().cause() : tls_failure_;
}

OwnResponse Attempt::answer_to(int error) const noexcept {
    const TlsFailure failure = tls_failure(error);
    return failure.fault == net::tls::Session::Fault::none ? response_to_failure(error)
                                                           : response_to_tls_failure(failure);
}

void Attempt::interrupt(int error) noexcept {
    if (connection_ != nullptr) connection_->stream().interrupt(error);
    if (multiplexed_) multiplexed_->interrupt(error);
    if (waiting_ != nullptr) waiting_->interrupt(error);
}

void Attempt::finish(bool keep_alive) noexcept {
    if (multiplexed_) return multiplexed_->leave();
    UpstreamConnection* connection = std::exchange(connection_, nullptr);
    // What follows a response has no request that it could answer.
    if (keep_alive && is_shareable() && !serial_->has_leftover()) {
        pool_.give_back(connection, route_.pool_size, route_.pool_idle);
    } else {
        pool_.close(connection);
    }
}

void Attempt::drop() noexcept {
    if (multiplexed_) multiplexed_->leave();
    if (connection_ == nullptr) return;
    connection_->stream().reset();
    pool_.close(std::exchange(connection_, nullptr));
}

bool Attempt::is_stale() const noexcept {
    if (failure_ != AttemptFailure::broken_off || !is_connected() || !was_proven_) return false;
    return !multiplexed_ || multiplexed_->is_connection_lost();
}

void Attempt::forget_failure() noexcept {
    drop();
    failure_ = AttemptFailure::none;
    record_.outcome = snapshot::AttemptOutcome::aborted;
    record_.error = snapshot::ErrorKind::none;
}

// --- what the policies learn ---

void Attempt::sent(std::uint64_t bytes) noexcept {
    sent_ = worker_.ring().now();
    record_.bytes_in = bytes;
}

void Attempt::answered(unsigned status) noexcept {
    const TimePoint now = worker_.ring().now();
    record_.status = static_cast<std::uint16_t>(status);
    record_.first_byte = now - record_.started;
    if (status >= 500) {  // one that fails at once is not a fast one
        load::failed(route_, upstream_, now - sent_, now);
        record_error();
    } else {  // a trial is not kept waiting for its body: that may take hours
        load::answered(route_, upstream_, now - sent_, now);
        tell(upstream_.live->circuit.record_success(std::exchange(is_trial_, false)));
    }
}

void Attempt::switched() noexcept {
    record_.tunnelled = true;
    succeeded();
}

void Attempt::count(const TunnelTraffic& traffic) noexcept {
    record_.bytes_in = traffic.from_client;
}

void Attempt::succeeded() noexcept {
    record_.outcome = snapshot::AttemptOutcome::completed;
}

void Attempt::failed_midway(snapshot::ErrorKind kind) noexcept {
    record_.error = kind;
    record_error();
}

void Attempt::failed(AttemptFailure failure, int error, snapshot::ErrorKind kind,
                     bool request_whole) noexcept {
    failure_ = failure;
    record_.outcome = snapshot::AttemptOutcome::failed;
    record_.error = kind;
    if (failure == AttemptFailure::no_resources || failure == AttemptFailure::unprocessed ||
        is_stale())
        return;
    const TimePoint now = worker_.ring().now();
    load::failed(route_, upstream_, now - record_.started, now);
    record_error();
    const bool breaks_health = failure == AttemptFailure::not_connected ||
                               (failure == AttemptFailure::broken_off && request_whole);
    if (breaks_health) {
        report_failure(route_, upstream_, error, tls_failure(error).reason, now,
                       worker_.tell_control());
    }
}

void Attempt::record_error() noexcept {
    if (!route_.circuit || std::exchange(counts_as_error_, true)) return;
    const TimePoint now = worker_.ring().now();
    CircuitBreaker& circuit = upstream_.live->circuit;
    const unsigned seconds = circuit.counted_seconds(*route_.circuit, now);
    const std::uint64_t requests = upstream_.live->series.recent_requests(seconds, now);
    tell(circuit.record_failure(*route_.circuit, std::exchange(is_trial_, false), requests, now));
}

void Attempt::tell(CircuitBreaker::Change change) const noexcept {
    if (change != CircuitBreaker::Change::none)
        worker_.tell_control()({kind_of(change), snapshot::name_of(*upstream_.live)});
}

}  // namespace penstock::proxy
