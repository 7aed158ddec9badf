#include "proxy/client_connection.hpp"

#include <cerrno>

#include "io/ring.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy {

namespace {

/// How long, and for how many bytes, a client that is still sending is listened to before its
/// connection closes.
constexpr Duration linger_time = std::chrono::seconds(1);
constexpr std::size_t linger_bytes = 64 * 1024;

}  // namespace

io::Task<void> ClientConnection::serve() {
    io::Ring& ring = worker_.ring();
    const Settings& settings = worker_.settings();
    io::BlockRef unread;
    Duration patience = settings.header_timeout;
    AfterExchange after = AfterExchange::keep;
    while (after == AfterExchange::keep && !(worker_.draining() && !unread)) {
        if (!unread) {
            io::Received received = co_await socket_.receive(ring.now() + patience);
            if (!received.block) break;  // left, idle for too long, or being drained
            unread = std::move(received.block);
        }
        after = co_await run_exchange(*this, unread);
        patience = settings.idle_timeout;
    }
    if (after == AfterExchange::linger) co_await linger();
    if (after == AfterExchange::reset) socket_.reset_on_close();
    unread.reset();
    socket_.close();
}

io::Task<void> ClientConnection::linger() {
    // A close() with unread bytes makes the kernel send RST, and the client might lose our answer
    // to it.
    socket_.shutdown_send();
    const TimePoint deadline = worker_.ring().now() + linger_time;
    std::size_t drained = 0;
    while (drained < linger_bytes) {
        io::Received received = co_await socket_.receive(deadline);
        if (!received.block) co_return;
        drained += received.block->filled().size();
    }
}

void ClientConnection::drain() noexcept {
    if (exchange_ == nullptr) socket_.interrupt(ECANCELED);
}

void ClientConnection::abort(int error) noexcept {
    if (exchange_ != nullptr) exchange_->abort(error);
    socket_.interrupt(error);
}

}  // namespace penstock::proxy
