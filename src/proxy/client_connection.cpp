#include "proxy/client_connection.hpp"

#include <cerrno>
#include <utility>

#include "base/log.hpp"
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
        if (!unread_) {
            unread_ = std::move(received.block);
        } else {
            const std::string_view more = received.block->filled();
            // A header that is not whole yet is far smaller than a large block.
            if (!worker_.ring().buffers().make_room(unread_, more.size())) co_return false;
            unread_->append(more);
        }
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
    const Settings& settings = worker_.settings();
    Duration patience = settings.header_timeout;
    AfterExchange after = AfterExchange::keep;
    while (after == AfterExchange::keep && !(worker_.draining() && !unread_)) {
        if (!unread_) {
            io::Received received = co_await stream_.receive(ring.now() + patience);
            if (!received.block) break;  // left, idle for too long, or being drained
            unread_ = std::move(received.block);
        }
        after = co_await run_exchange(*this, unread_);
        patience = settings.idle_timeout;
    }
    if (after == AfterExchange::linger) co_await linger();
    if (after == AfterExchange::reset) stream_.reset_on_close();
    unread_.reset();
    stream_.close();
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
    if (exchange_ == nullptr) stream_.interrupt(ECANCELED);
}

void ClientConnection::abort(int error) noexcept {
    if (exchange_ != nullptr) exchange_->abort(error);
    stream_.interrupt(error);
}

}  // namespace penstock::proxy
