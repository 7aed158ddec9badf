#include "io/socket.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "io/ring.hpp"

namespace penstock::io {

Socket::Socket(Ring& ring, std::uint32_t index) noexcept : ring_(ring), index_(index) {}

void Socket::open(int fd) noexcept {
    PENSTOCK_ASSERT(fd_ == -1);
    fd_ = fd;
    input_error_ = interrupted_ = cancel_reason_ = 0;
    input_ended_ = false;
    receive_armed_ = receive_cancelling_ = hangup_armed_ = closing_ = carries_long_bodies_ = false;
    readable_ = peer_finished_ = false;
}

void Socket::recycle() noexcept {
    while (take_pending()) {
    }
    ring_.timers().disarm(timer_);
    watcher_ = nullptr;
    fd_ = -1;
    ++generation_;
    ring_.recycle(*this);
}

void Socket::append_pending(BlockRef block) noexcept {
    // A peer that trickles must not pin a whole block with each byte.
    if (pending_tail_ != nullptr && pending_tail_->free_size() >= block->filled().size()) {
        pending_tail_->append(block->filled());
        return;
    }
    Block* added = block.release();
    added->next = nullptr;
    (pending_tail_ != nullptr ? pending_tail_->next : pending_head_) = added;
    pending_tail_ = added;
    ++pending_count_;
}

BlockRef Socket::take_pending() noexcept {
    if (pending_head_ == nullptr) return {};
    Block* taken = std::exchange(pending_head_, pending_head_->next);
    if (pending_head_ == nullptr) pending_tail_ = nullptr;
    taken->next = nullptr;
    --pending_count_;
    return BlockRef(taken);
}

void Socket::end_input(int error) noexcept {
    input_ended_ = true;
    if (input_error_ == 0) input_error_ = error;
}

void Socket::input_changed() noexcept {
    if (receiver_ != nullptr) {
        resume_receiver(0);
    } else if (watcher_ != nullptr) {
        watcher_->on_unawaited_input(*this);
    }
}

void Socket::resume_receiver(int error) noexcept {
    receiver_->error_ = error;
    ring_.schedule(std::exchange(receiver_, nullptr)->handle_);
}

void Socket::resume_sender(int error) noexcept {
    sender_->error_ = error;
    ring_.schedule(std::exchange(sender_, nullptr)->handle_);
}

void Socket::guard_deadline(TimePoint deadline) noexcept {
    if (deadline == never) return;
    TimerWheel& timers = ring_.timers();
    // The timer stays armed when a wait ends early: most waits do, and the next one then costs
    // nothing.
    if (timer_.is_armed() && timer_.expiry_tick() <= timers.tick_of(deadline)) return;
    timers.arm(timer_, deadline);
}

void Socket::on_timer(Timer& timer) {
    static_cast<DeadlineTimer&>(timer).socket.check_deadlines();
}

void Socket::check_deadlines() noexcept {
    const TimePoint now = ring_.now();
    if (receiver_ != nullptr && receiver_->deadline_ <= now) resume_receiver(ETIMEDOUT);
    if (sender_ != nullptr && sender_->deadline_ <= now && cancel_reason_ == 0) {
        cancel_reason_ = ETIMEDOUT;
        ring_.cancel_send(*this);
    }
    if (receiver_ != nullptr) guard_deadline(receiver_->deadline_);
    if (sender_ != nullptr && cancel_reason_ == 0) guard_deadline(sender_->deadline_);
}

void Socket::interrupt(int error) noexcept {
    if (interrupted_ != 0) return;
    interrupted_ = error;
    if (receiver_ != nullptr) resume_receiver(error);
    if (sender_ != nullptr && cancel_reason_ == 0) {
        cancel_reason_ = error;
        ring_.cancel_send(*this);
    }
}

void Socket::cancel_receive(int error) noexcept {
    if (receiver_ != nullptr) resume_receiver(error);
}

void Socket::set_receive_deadline(TimePoint deadline) noexcept {
    if (receiver_ == nullptr) return;
    receiver_->deadline_ = deadline;
    guard_deadline(deadline);
}

void Socket::expect_input() noexcept {
    if (!input_ended_ && pending_head_ == nullptr) ring_.start_receive(*this, ReceiveSize::small);
}

void Socket::shutdown_send() noexcept {
    ::shutdown(fd_, SHUT_WR);
}

void Socket::reset_on_close() noexcept {
    const linger abort_now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
}

void Socket::reset() noexcept {
    reset_on_close();  // where the kernel does not take the next line (a Unix socket)
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(fd_, &nowhere, sizeof(nowhere));
}

void Socket::close() noexcept {
    PENSTOCK_ASSERT(receiver_ == nullptr && sender_ == nullptr);
    watcher_ = nullptr;
    ring_.close_socket(*this);
}

bool ReceiveAwaiter::await_ready() noexcept {
    Socket& socket = socket_;
    PENSTOCK_ASSERT(socket.receiver_ == nullptr);
    if (size_ == ReceiveSize::large) socket.ring_.expect_long_body(socket);
    if (socket.pending_head_ != nullptr || socket.input_ended_) return true;
    if (socket.interrupted_ != 0) {
        error_ = socket.interrupted_;
        return true;
    }
    return socket.ring_.start_receive(socket, size_);
}

void ReceiveAwaiter::await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    socket_.receiver_ = this;
    socket_.guard_deadline(deadline_);
}

Received ReceiveAwaiter::await_resume() noexcept {
    Received received;
    if (error_ != 0) {
        received.error = error_;
    } else {
        received.block = socket_.take_pending();
        if (!received.block) received.error = socket_.input_error_;
    }
    return received;
}

SendAwaiter::SendAwaiter(Socket& socket, iovec* pieces, unsigned count,
                         Duration stall_limit) noexcept
    : socket_(socket), stall_limit_(stall_limit) {
    message_.msg_iov = pieces;
    message_.msg_iovlen = count;
}

SendAwaiter::SendAwaiter(Socket& socket, TimePoint deadline) noexcept
    : socket_(socket), deadline_(deadline) {}

bool SendAwaiter::advance(std::size_t sent) noexcept {
    while (message_.msg_iovlen > 0) {
        iovec& piece = *message_.msg_iov;
        if (sent < piece.iov_len) {
            piece.iov_base = static_cast<char*>(piece.iov_base) + sent;
            piece.iov_len -= sent;
            deadline_ = socket_.ring_.now() + stall_limit_;
            return false;
        }
        sent -= piece.iov_len;
        ++message_.msg_iov;
        --message_.msg_iovlen;
    }
    return true;
}

bool SendAwaiter::await_ready() noexcept {
    PENSTOCK_ASSERT(socket_.sender_ == nullptr);
    if (socket_.interrupted_ != 0) {
        error_ = socket_.interrupted_;
        return true;
    }
    deadline_ = socket_.ring_.now() + stall_limit_;
    socket_.cancel_reason_ = 0;
    return socket_.ring_.start_send(socket_, *this);
}

void SendAwaiter::await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    socket_.sender_ = this;
    socket_.guard_deadline(deadline_);
}

ConnectAwaiter::ConnectAwaiter(Socket& socket, const sockaddr* address, socklen_t size,
                               TimePoint deadline) noexcept
    : SendAwaiter(socket, deadline) {
    address_ = address;
    address_size_ = size;
}

bool ConnectAwaiter::await_ready() noexcept {
    PENSTOCK_ASSERT(socket_.sender_ == nullptr);
    if (socket_.interrupted_ != 0) {
        error_ = socket_.interrupted_;
        return true;
    }
    socket_.cancel_reason_ = 0;
    return socket_.ring_.start_connect(socket_, *this);
}

}  // namespace penstock::io
