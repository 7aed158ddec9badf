#include "proxy/client_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.hpp"
#include "http/h1/h1_downstream.hpp"
#include "io/ring.hpp"
#include "net/proxy_protocol.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

namespace {

/// How long, and for how many bytes, a client that is still sending is listened to before its
/// connection closes.
constexpr Duration linger_time = std::chrono::seconds(1);
constexpr std::size_t linger_bytes = 64 * 1024;

}  // namespace

io::Task<bool> ClientConnection::learn_peer() {
    using Outcome = net::ProxyHeader::Outcome;
    if (!peer_.is_trusted()) co_return true;  // a client of its own: what it sends is HTTP
    const TimePoint deadline = worker_.ring().now() + worker_.settings().header_timeout;
    net::ProxyHeader header;
    while (header.outcome == Outcome::incomplete) {
        io::Received received = co_await stream_.receive(deadline);
        if (!received.block) co_return false;
        // A header that is not whole yet is far smaller than a large block.
        if (!keep_unread(std::move(received.block))) co_return false;
        header = net::read_proxy_header(unread_->filled());
    }
    if (header.outcome == Outcome::malformed) {
        static LogLimit complaints;
        if (complaints.allows(worker_.ring().now()))
            log(LogLevel::warn, "no PROXY header from a trusted proxy", {{"peer", peer_.host()}});
        co_return false;
    }
    unread_->begin += static_cast<std::uint32_t>(header.size);
    if (unread_->filled().empty()) unread_.reset();
    if (header.has_addresses()) peer_ = Peer(header.source, worker_.settings());
    co_return true;
}

io::Task<bool> ClientConnection::secure(net::tls::ServerContext& context) {
    std::unique_ptr<net::tls::Session> session = context.accept(stream_.socket());
    if (session == nullptr) co_return false;
    // Behind a PROXY header its first bytes may have come already.
    if (unread_) session->give(std::move(unread_));
    stream_.secure(std::move(session));
    const TimePoint deadline = worker_.ring().now() + worker_.settings().header_timeout;
    const int error = co_await stream_.session().handshake(deadline);
    if (error == EPROTO) {
        log(LogLevel::debug, "TLS handshake failed",
            {{"peer", peer_.host()}, {"reason", stream_.session().failure()}});
    }
    co_return error == 0;
}

io::Task<void> ClientConnection::serve() {
    io::Ring& ring = worker_.ring();
    Duration patience = worker_.settings().header_timeout;
    AfterExchange after = AfterExchange::keep;
    Version version = negotiated_version();
    if (version == Version::http_2) {
        co_await serve_multiplexed();
        after = AfterExchange::close;
    }
    // While it drains, a client that has not been told so may have a request on its way.
    while (after == AfterExchange::keep) {
        if (!unread_) {
            if (worker_.draining()) patience = std::min(patience, Worker::last_call_time);
            awaits_last_call_ = !worker_.draining();
            io::Received received = co_await stream_.receive(ring.now() + patience);
            awaits_last_call_ = false;
            if (!received.block) break;  // left, idle for too long, or drained
            unread_ = std::move(received.block);
        }
        if (version == Version::unknown) {
            version = co_await recognize_version();
            if (version == Version::http_2) {
                co_await serve_multiplexed();
                break;
            }
        }
        after = co_await exchange_one();
        patience = worker_.settings().idle_timeout;
    }
    if (after == AfterExchange::linger) co_await linger();
    if (after == AfterExchange::reset) stream_.reset_on_close();
    unread_.reset();
    stream_.close();
}

bool ClientConnection::keep_unread(io::BlockRef received) {
    if (!unread_) {
        unread_ = std::move(received);
        return true;
    }
    const std::string_view more = received->filled();
    if (!worker_.ring().buffers().make_room(unread_, more.size())) return false;
    unread_->append(more);
    return true;
}

ClientConnection::Version ClientConnection::negotiated_version() const noexcept {
    if (!stream_.is_secured() || stream_.session().alpn().empty()) return Version::unknown;
    return stream_.session().alpn() == "h2" ? Version::http_2 : Version::http_1;
}

/// By the first bytes: HTTP/2 with prior knowledge (RFC 9113 section 3.3) or HTTP/1.
io::Task<ClientConnection::Version> ClientConnection::recognize_version() {
    static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const TimePoint deadline = worker_.ring().now() + worker_.settings().header_timeout;
    while (unread_->filled().size() < preface.size() && preface.starts_with(unread_->filled())) {
        io::Received received = co_await stream_.receive(deadline);
        // HTTP/1 has an answer to a head that does not come, and to one that is cut short.
        if (!received.block) co_return Version::http_1;
        if (!keep_unread(std::move(received.block))) co_return Version::http_1;
    }
    co_return unread_->filled().starts_with(preface) ? Version::http_2 : Version::http_1;
}

io::Task<void> ClientConnection::serve_multiplexed() {
    const Settings& settings = worker_.settings();
    const http::h2::ServerLimits limits{.head = settings.head,
                                        .header_timeout = settings.header_timeout,
                                        .idle_timeout = settings.idle_timeout,
                                        .stall_limit = settings.body_timeout};
    http::h2::ServerSession session(stream_, limits, *this);
    session_ = &session;
    co_await session.run(unread_, worker_.draining());
    session_ = nullptr;
    if (session.wants_linger()) co_await linger();
}

io::Task<void> ClientConnection::carry_out(http::Downstream& client) {
    Exchange exchange(worker_, peer_, id_, stream_, client);
    co_await exchange.run();
}

/// One HTTP/1 request and its response; what follows the request stays in unread_.
io::Task<AfterExchange> ClientConnection::exchange_one() {
    http::h1::H1Downstream client(stream_, std::move(unread_));
    Exchange exchange(worker_, peer_, id_, stream_, client);
    exchange_ = &exchange;
    const AfterExchange after = co_await exchange.run();
    exchange_ = nullptr;
    if (after == AfterExchange::keep) unread_ = client.take_leftover();
    co_return after;
}

io::Task<void> ClientConnection::linger() {
    // A close() with unread bytes makes the kernel send RST, and the client might lose our answer
    // to it.
    stream_.shutdown_send();
    const TimePoint deadline = worker_.ring().now() + linger_time;
    std::size_t drained = 0;
    while (drained < linger_bytes) {
        io::Received received = co_await stream_.receive(deadline);
        if (!received.block) co_return;
        drained += received.block->filled().size();
    }
}

void ClientConnection::drain() noexcept {
    if (session_ != nullptr) session_->drain();
}

void ClientConnection::last_call() noexcept {
    if (awaits_last_call_) stream_.interrupt(ECANCELED);
}

void ClientConnection::end_if_idle() noexcept {
    if (session_ != nullptr) {
        if (session_->is_idle()) session_->drain();
    } else if (exchange_ == nullptr && !unread_) {
        stream_.interrupt(ECANCELED);
    }
}

void ClientConnection::abort(int error) noexcept {
    if (session_ != nullptr) session_->abort(error);
    if (exchange_ != nullptr) exchange_->abort(error);
    stream_.interrupt(error);
}

}  // namespace penstock::proxy
