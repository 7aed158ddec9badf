#include "proxy/upstream_session.hpp"

#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "io/ring.hpp"
#include "proxy/upstream_pool.hpp"

namespace penstock::proxy {

namespace {

/// Lets whoever runs now go on first.
struct NextTurn {
    io::Ring& ring;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { ring.schedule(handle); }
    void await_resume() const noexcept {}
};

}  // namespace

UpstreamSession::UpstreamSession(UpstreamPool& pool, io::Socket& socket,
                                 const snapshot::Upstream& upstream, const Terms& terms)
    : pool_(pool),
      stream_(socket),
      address_(upstream.address),
      tls_(upstream.tls),
      terms_(terms),
      no_waiters_(socket.ring()) {}

UpstreamSession::~UpstreamSession() {
    PENSTOCK_ASSERT(waiters_.empty());
}

io::Task<void> UpstreamSession::run() {
    // Who has opened it is to be waiting before it can fail.
    co_await NextTurn{stream_.ring()};
    error_ = co_await connect();
    if (error_ == 0 && tls_ != nullptr) {
        error_ = co_await tls_->secure(stream_, BackendProtocol::h2, &pool_.sessions(),
                                       terms_.deadline, tls_failure_);
    }
    if (error_ == 0) {
        const http::h2::ClientLimits limits{.idle_limit = terms_.idle_limit,
                                            .stall_limit = terms_.stall_limit,
                                            .expected_streams = terms_.expected_streams};
        session_.emplace(stream_, limits);
        state_ = State::open;
        wake_waiters();
        co_await session_->run();
    }
    state_ = State::ended;
    if (error_ == 0) error_ = ECONNRESET;
    wake_waiters();
    if (!waiters_.empty()) co_await no_waiters_.wait();
    pool_.note_stream_limit(most_streams());
    session_.reset();
    stream_.close();
    pool_.forget(*this);
}

io::Task<int> UpstreamSession::connect() {
    const int on = 1;
    ::setsockopt(stream_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    co_return co_await stream_.socket().connect(address_.data(), address_.size(), terms_.deadline);
}

io::Task<int> UpstreamSession::wait_ready(Waiter& waiter, TimePoint deadline) {
    while (state_ == State::connecting) {
        waiters_.push_back(waiter);
        const bool in_time = co_await waiter.event_.wait(deadline);
        waiter.unlink();
        if (waiters_.empty()) no_waiters_.set();
        if (waiter.error_ != 0) co_return waiter.error_;
        if (!in_time) co_return ETIMEDOUT;
    }
    co_return state_ == State::open ? 0 : error_;
}

void UpstreamSession::wake_waiters() noexcept {
    no_waiters_.reset();
    waiters_.for_each([](Waiter& waiter) { waiter.event_.set(); });
}

bool UpstreamSession::is_usable() const noexcept {
    return state_ == State::connecting || (state_ == State::open && session_->takes_streams());
}

bool UpstreamSession::is_idle() const noexcept {
    return state_ == State::open && session_->is_idle();
}

void UpstreamSession::retire() noexcept {
    if (state_ == State::connecting)
        stream_.interrupt(ECANCELED);
    else if (state_ == State::open)
        session_->retire();
}

}  // namespace penstock::proxy
