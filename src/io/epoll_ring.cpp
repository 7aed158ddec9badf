#include "io/epoll_ring.hpp"

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace penstock::io {

namespace {

enum class Source : std::uint32_t { socket, listener, wake };

std::uint64_t tag(Source source, std::uint32_t index) noexcept {
    return std::uint64_t{index} << 32 | static_cast<std::uint64_t>(source);
}

int timeout_ms(TimePoint deadline) noexcept {
    if (deadline == never) return -1;
    const auto left = deadline - Clock::now();
    if (left <= Duration::zero()) return 0;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return ms > INT_MAX ? INT_MAX : static_cast<int>(ms);
}

}  // namespace

Result<std::unique_ptr<Ring>> EpollRing::create(int wake_fd) {
    const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) return Failure{Error{std::string("epoll_create1: ") + std::strerror(errno)}};
    epoll_event event{.events = EPOLLIN, .data = {.u64 = tag(Source::wake, 0)}};
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event);
    return std::unique_ptr<Ring>(new EpollRing(wake_fd, epoll_fd));
}

EpollRing::EpollRing(int wake_fd, int epoll_fd) : Ring(wake_fd), epoll_fd_(epoll_fd) {
    // Warm requests allocate nothing: the lists keep their room from turn to turn.
    for (auto* list : {&deferred_, &reading_, &unsent_, &sending_}) list->reserve(first_list_room);
}

EpollRing::~EpollRing() {
    ::close(epoll_fd_);
    end_sockets();
}

void EpollRing::opened(Socket& socket) noexcept {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.u64 = tag(Source::socket, socket.index_)}};
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, socket.fd_, &event) != 0) {
        socket.interrupt(errno);  // no memory or no watches left: this connection cannot be served
    }
}

// --- the loop ---

void EpollRing::submit_and_collect(TimePoint deadline) {
    if (send_collected()) deadline = now();
    const int timeout = deferred_.empty() ? timeout_ms(deadline) : 0;
    const int count =
        ::epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), timeout);
    reads_left_ = reads_a_turn;
    read_deferred();
    for (int i = 0; i < count; ++i) dispatch(events_[static_cast<std::size_t>(i)]);
}

void EpollRing::read_deferred() noexcept {
    reading_.swap(deferred_);
    for (const auto& [index, generation] : reading_) {
        Socket& socket = socket_at(index);
        if (socket.generation_ != generation || socket.receiver_ == nullptr) continue;
        if (read_some(socket, socket.receiver_->size_)) socket.input_changed();
    }
    reading_.clear();
}

void EpollRing::dispatch(const epoll_event& event) noexcept {
    const auto index = static_cast<std::uint32_t>(event.data.u64 >> 32);
    switch (static_cast<Source>(event.data.u64 & 0xffff'ffff)) {
        case Source::wake: {
            std::uint64_t count = 0;
            [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &count, sizeof(count));
            return;
        }
        case Source::listener:
            if (Listener* listener = listeners_[index]) accept_some(*listener);
            return;
        case Source::socket: {
            Socket& socket = socket_at(index);
            // Closed (and perhaps opened anew) by an earlier event of this batch: a spurious edge
            // does no harm.
            if (socket.fd_ >= 0) socket_event(socket, event.events);
            return;
        }
    }
}

void EpollRing::socket_event(Socket& socket, std::uint32_t events) noexcept {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && socket.sender_ != nullptr) {
        SendAwaiter& send = *socket.sender_;
        if (send_some(socket, send)) socket.resume_sender(send.error_);
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) == 0) return;
    socket.readable_ = true;
    if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) socket.peer_finished_ = true;
    if (socket.receiver_ != nullptr) {
        if (read_some(socket, socket.receiver_->size_)) socket.input_changed();
        return;
    }
    if (socket.watcher_ == nullptr) return;
    if ((events & EPOLLERR) != 0 || (events & EPOLLHUP) != 0) {
        socket.end_input(ECONNRESET);
    } else if (socket.pending_head_ == nullptr && !socket.input_ended_) {
        // One block ahead, as the io_uring engine would: a watcher wants to know bytes from a FIN.
        read_some(socket, ReceiveSize::small);
    }
    if (socket.watcher_ != nullptr && (socket.has_pending() || socket.input_ended_)) {
        socket.watcher_->on_unawaited_input(socket);
    }
}

// --- receiving ---

bool EpollRing::start_receive(Socket& socket, ReceiveSize size) noexcept {
    if (!socket.readable_) return false;
    if (reads_left_ == 0) {
        deferred_.emplace_back(socket.index_, socket.generation_);
        return false;
    }
    return read_some(socket, size);
}

bool EpollRing::read_some(Socket& socket, ReceiveSize size) noexcept {
    if (reads_left_ > 0) --reads_left_;
    BlockRef block = size == ReceiveSize::large ? buffers().large() : buffers().small();
    const std::size_t room = block->free_size();
    ssize_t got = 0;
    do {
        got = ::recv(socket.fd_, block->free_space(), room, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        block->end += static_cast<std::uint32_t>(got);
        socket.append_pending(std::move(block));
        // A short read has emptied the socket, unless a FIN (which makes no second edge) stands
        // behind the bytes.
        if (static_cast<std::size_t>(got) < room && !socket.peer_finished_)
            socket.readable_ = false;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        socket.readable_ = false;
        return false;
    }
    socket.end_input(got == 0 ? 0 : errno);
    return true;
}

// --- sending, connecting, closing ---

bool EpollRing::start_send(Socket& socket, SendAwaiter&) noexcept {
    unsent_.emplace_back(socket.index_, socket.generation_);
    return false;
}

bool EpollRing::send_collected() noexcept {
    bool ended = false;
    sending_.swap(unsent_);
    for (const auto& [index, generation] : sending_) {
        Socket& socket = socket_at(index);
        if (socket.generation_ != generation || socket.sender_ == nullptr) continue;
        SendAwaiter& send = *socket.sender_;
        if (!send_some(socket, send)) continue;
        socket.resume_sender(send.error_);
        ended = true;
    }
    sending_.clear();
    return ended;
}

bool EpollRing::send_some(Socket& socket, SendAwaiter& send) noexcept {
    if (send.is_connect()) {
        int error = 0;
        socklen_t size = sizeof(error);
        ::getsockopt(socket.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
        send.error_ = error;
        return true;
    }
    for (;;) {
        const ssize_t sent = ::sendmsg(socket.fd_, &send.message_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            if (send.advance(static_cast<std::size_t>(sent))) return true;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return false;
        } else if (errno != EINTR) {
            send.error_ = errno;
            return true;
        }
    }
}

bool EpollRing::start_connect(Socket& socket, SendAwaiter& connect) noexcept {
    if (::connect(socket.fd_, connect.address_, connect.address_size_) == 0) return true;
    if (errno == EINPROGRESS || errno == EINTR) return false;
    connect.error_ = errno;
    return true;
}

void EpollRing::cancel_send(Socket& socket) noexcept {
    if (socket.sender_ != nullptr) socket.resume_sender(socket.cancel_reason_);
}

void EpollRing::close_socket(Socket& socket) noexcept {
    ::close(socket.fd_);  // leaves the epoll set with it: nobody else holds this file
    socket.recycle();
}

// --- accepting ---

void EpollRing::add_listener(Listener& listener) {
    listener.index_ = static_cast<std::uint32_t>(listeners_.size());
    listeners_.push_back(&listener);
    ::fcntl(listener.fd_, F_SETFL, ::fcntl(listener.fd_, F_GETFL) | O_NONBLOCK);
}

void EpollRing::remove_listener(Listener& listener) noexcept {
    stop_accept(listener);
    listeners_[listener.index_] = nullptr;
}

void EpollRing::start_accept(Listener& listener) noexcept {
    if (listener.armed_) return;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = tag(Source::listener, listener.index_)}};
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener.fd_, &event) != 0) {
        listener.deliver(-errno);
        return;
    }
    listener.armed_ = true;
}

void EpollRing::stop_accept(Listener& listener) noexcept {
    if (!listener.armed_) return;
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener.fd_, nullptr);
    listener.armed_ = false;
}

void EpollRing::accept_some(Listener& listener) noexcept {
    const int most = listener.mode_ == AcceptMode::single ? 1 : accepts_a_turn;
    for (int i = 0; i < most && listener.armed_; ++i) {
        const int fd = ::accept4(listener.fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener.deliver(fd);
            if (listener.mode_ == AcceptMode::single) stop_accept(listener);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors or memory: the level-triggered watch would spin, so it rests until the
        // next accept().
        stop_accept(listener);
        listener.deliver(-errno);
        return;
    }
}

}  // namespace penstock::io
