#include "io/listener.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "io/ring.hpp"

namespace penstock::io {

Listener::Listener(Ring& ring, int fd) : ring_(ring), fd_(fd) {
    ring_.add_listener(*this);
}

Listener::~Listener() {
    PENSTOCK_ASSERT(!acceptor_);
    ring_.remove_listener(*this);
    for (const int fd : accepted_) {
        if (fd >= 0) ::close(fd);
    }
}

bool Listener::AcceptAwaiter::await_ready() noexcept {
    PENSTOCK_ASSERT(!listener_.acceptor_);
    if (!listener_.accepted_.empty()) return true;
    if (listener_.interrupted_) return !listener_.armed_;  // else the cancel's completion tells
    if (!listener_.held_) listener_.ring_.start_accept(listener_);
    return !listener_.accepted_.empty();
}

int Listener::AcceptAwaiter::await_resume() noexcept {
    if (listener_.accepted_.empty()) return -ECANCELED;
    const int fd = listener_.accepted_.front();
    listener_.accepted_.pop_front();
    return fd;
}

void Listener::deliver(int fd_or_error) noexcept {
    accepted_.push_back(fd_or_error);
    if (acceptor_) ring_.schedule(std::exchange(acceptor_, {}));
}

bool Listener::has_waiting() const noexcept {
    pollfd polled{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&polled, 1, 0) > 0;
}

void Listener::pause() noexcept {
    ring_.stop_accept(*this);
}

void Listener::hold() noexcept {
    held_ = true;
    ring_.stop_accept(*this);
}

void Listener::release() noexcept {
    held_ = false;
    disarmed();
}

void Listener::interrupt() noexcept {
    interrupted_ = true;
    ring_.stop_accept(*this);
    disarmed();
}

void Listener::disarmed() noexcept {
    if (armed_ || !acceptor_) return;
    if (held_ && !interrupted_) return;
    if (interrupted_)
        ring_.schedule(std::exchange(acceptor_, {}));
    else
        ring_.start_accept(*this);  // it had been paused, and somebody waits again
}

int Listener::accept_waiting() noexcept {
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
    for (;;) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | ring_.socket_flags());
        if (fd >= 0) return fd;
        if (errno != EINTR && errno != ECONNABORTED) return -errno;
    }
}

}  // namespace penstock::io
