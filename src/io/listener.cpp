#include "io/listener.hpp"

#include <cerrno>
#include <utility>

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
    if (!listener_.accepted_.empty() || listener_.interrupted_) return true;
    listener_.ring_.start_accept(listener_);
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

void Listener::pause() noexcept {
    ring_.stop_accept(*this);
}

void Listener::interrupt() noexcept {
    interrupted_ = true;
    ring_.stop_accept(*this);
    if (acceptor_) ring_.schedule(std::exchange(acceptor_, {}));
}

}  // namespace penstock::io
