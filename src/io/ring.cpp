#include "io/ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "io/epoll_ring.hpp"
#include "io/frame_pool.hpp"
#ifdef PENSTOCK_WITH_URING
#include "io/uring_ring.hpp"
#endif

namespace penstock::io {

Ring::Ring(int wake_fd) : wake_fd_(wake_fd), now_(Clock::now()), timers_(now_), mailbox_(wake_fd) {
    ready_.reserve(1024);
    resuming_.reserve(1024);
}

Ring::~Ring() {
    ::close(wake_fd_);
}

Result<std::unique_ptr<Ring>> Ring::create(Engine engine, const RingOptions& options) {
    const int wake_fd = ::eventfd(0, EFD_CLOEXEC | (engine == Engine::epoll ? EFD_NONBLOCK : 0));
    if (wake_fd < 0) return Failure{Error{std::string("eventfd: ") + std::strerror(errno)}};
    auto ring = engine == Engine::epoll ? EpollRing::create(wake_fd) :
#ifdef PENSTOCK_WITH_URING
                                        UringRing::create(wake_fd, options);
#else
                                        Result<std::unique_ptr<Ring>>(
                                            Failure{Error{"built without io_uring"}});
#endif
    static_cast<void>(options);
    if (!ring) ::close(wake_fd);
    return ring;
}

#ifndef PENSTOCK_WITH_URING
Result<void> probe_uring(std::size_t) {
    return Failure{Error{"built without io_uring"}};
}
#endif

void Ring::wait(TimePoint deadline) {
    deadline = std::min(deadline, timers_.next_expiry());
    if (!ready_.empty() || !mailbox_.prepare_to_sleep()) deadline = now_;
    submit_and_collect(deadline);
    mailbox_.awake();
    now_ = Clock::now();
}

void Ring::run_ready() {
    timers_.advance(now_);
    mailbox_.deliver_all();
    // What is scheduled meanwhile runs in this turn too; each round's list is fixed before it
    // starts.
    while (!ready_.empty()) {
        resuming_.swap(ready_);
        for (const auto handle : resuming_) handle.resume();
        resuming_.clear();
    }
}

void Ring::trim() noexcept {
    buffers_.trim();
    FramePool::trim();
}

Socket& Ring::adopt(int fd) {
    if (free_sockets_.empty()) {
        const auto index = static_cast<std::uint32_t>(sockets_.size());
        sockets_.push_back(new Socket(*this, index));
        free_sockets_.reserve(sockets_.capacity());
        free_sockets_.push_back(index);
    }
    Socket& socket = *sockets_[free_sockets_.back()];
    free_sockets_.pop_back();
    ++open_sockets_;
    socket.open(fd);
    opened(socket);
    return socket;
}

Result<Socket*, int> Ring::connect_socket(int family) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | socket_flags(), 0);
    if (fd < 0) return Failure{errno};
    return &adopt(fd);
}

void Ring::recycle(Socket& socket) noexcept {
    PENSTOCK_ASSERT(open_sockets_ > 0);
    --open_sockets_;
    free_sockets_.push_back(socket.index_);
}

void Ring::end_sockets() noexcept {
    for (Socket* socket : sockets_) {
        while (socket->take_pending()) {
        }
        BlockRef in_kernel(socket->in_kernel_);
        timers_.disarm(socket->timer_);
        if (socket->fd_ >= 0) ::close(socket->fd_);
        delete socket;
    }
    sockets_.clear();
}

}  // namespace penstock::io
