#include "io/uring_ring.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "io/uring_restrictions.hpp"

namespace penstock::io {

namespace {

constexpr int buffer_group = 0;
constexpr std::uint32_t generation_mask = 0xff'ffff;

}  // namespace

std::uint64_t UringRing::tag(Operation operation, std::uint32_t index,
                             std::uint32_t generation) noexcept {
    return std::uint64_t{index} << 32 | std::uint64_t{generation & generation_mask} << 8 |
           static_cast<std::uint64_t>(operation);
}

std::uint64_t UringRing::tag(Operation operation, const Socket& socket) noexcept {
    return tag(operation, socket.index_, socket.generation_);
}

// --- life ---

UringRing::UringRing(int wake_fd) : Ring(wake_fd) {}

Result<std::unique_ptr<Ring>> UringRing::create(int wake_fd, const RingOptions& options) {
    auto ring = std::unique_ptr<UringRing>(new UringRing(wake_fd));
    const auto ready = ring->set_up(options);
    if (!ready) {
        ring->wake_fd_ = -1;  // still the caller's
        return Failure{ready.error()};
    }
    return std::unique_ptr<Ring>(std::move(ring));
}

Result<void> UringRing::set_up(const RingOptions& options) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_R_DISABLED;
    params.cq_entries = options.completion_entries;
    const int made = io_uring_queue_init_params(options.submission_entries, &ring_, &params);
    if (made < 0) return Failure{uring_refusal("io_uring_setup", made)};
    ring_ready_ = true;
    if (const auto enabled = restrict_and_enable(ring_); !enabled) return enabled;
    io_uring_register_ring_fd(&ring_);  // an optimisation only: refusal costs a file look-up a turn
    if (const auto buffers = set_up_buffers(options); !buffers) return buffers;
    submit_wake_read();
    return {};
}

Result<void> UringRing::set_up_buffers(const RingOptions& options) {
    provided_entries_ = options.most_receive_blocks;
    first_receive_blocks_ = std::min(options.first_receive_blocks, provided_entries_);
    provided_target_ = first_receive_blocks_;
    int error = 0;
    provided_ = io_uring_setup_buf_ring(&ring_, provided_entries_, buffer_group, 0, &error);
    if (provided_ == nullptr) return Failure{uring_refusal("io_uring provided buffers", error)};
    provided_blocks_.assign(provided_entries_, nullptr);
    for (unsigned id = provided_entries_; id > 0; --id) {
        free_buffer_ids_.push_back(static_cast<std::uint16_t>(id - 1));
    }
    refill_buffers();
    return {};
}

UringRing::~UringRing() {
    if (provided_ != nullptr)
        io_uring_free_buf_ring(&ring_, provided_, provided_entries_, buffer_group);
    if (ring_ready_)
        io_uring_queue_exit(&ring_);  // waits until the kernel has let go of every operation
    for (Block* block : provided_blocks_) BlockRef returned(block);
    end_sockets();
}

// --- submission ---

io_uring_sqe& UringRing::next_sqe() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        // Full: hand the kernel what there is. It may want its completions read first (EBUSY), or
        // memory (EAGAIN).
        const int submitted = io_uring_submit_and_get_events(&ring_);
        if (submitted < 0) collect();
        sqe = io_uring_get_sqe(&ring_);
    }
    return *sqe;
}

void UringRing::submit_cancel(std::uint64_t user_data) noexcept {
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_cancel64(&sqe, user_data, 0);
    io_uring_sqe_set_data64(&sqe, 0);
    io_uring_sqe_set_flags(&sqe, IOSQE_CQE_SKIP_SUCCESS);
}

void UringRing::submit_wake_read() noexcept {
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_read(&sqe, wake_fd_, &wake_counter_, sizeof(wake_counter_), 0);
    io_uring_sqe_set_data64(&sqe, tag(Operation::wake, 0, 0));
}

void UringRing::submit_and_collect(TimePoint deadline) {
    rearm_starved();
    refill_buffers();
    const auto left = deadline - Clock::now();
    if (deadline != never && left <= Duration::zero()) {
        io_uring_submit_and_get_events(&ring_);
    } else if (deadline == never) {
        io_uring_submit_and_wait(&ring_, 1);
    } else {
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
        __kernel_timespec timeout{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
        io_uring_cqe* first = nullptr;
        io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
    }
    // EINTR, ETIME and EBUSY all mean: look at what has completed, the next turn submits the rest.
    collect();
}

void UringRing::collect() {
    std::array<Completed, 256> batch;
    for (;;) {
        unsigned head = 0;
        unsigned count = 0;
        io_uring_cqe* cqe = nullptr;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            batch[count++] = {cqe->user_data, cqe->res, cqe->flags};
            if (count == batch.size()) break;
        }
        if (count == 0) return;
        // Out of the ring before they are acted on: acting may submit, and so collect again.
        io_uring_cq_advance(&ring_, count);
        for (unsigned i = 0; i < count; ++i) dispatch(batch[i]);
        if (count < batch.size() && !io_uring_cq_has_overflow(&ring_)) return;
        if (count < batch.size()) io_uring_get_events(&ring_);
    }
}

// --- completions ---

void UringRing::dispatch(const Completed& completed) {
    switch (static_cast<Operation>(completed.user_data & 0xff)) {
        case Operation::none:
            return;
        case Operation::wake:
            submit_wake_read();
            return;
        case Operation::accept:
            complete_accept(completed);
            return;
        default:
            complete_socket(completed);
            return;
    }
}

void UringRing::complete_socket(const Completed& completed) {
    const auto index = static_cast<std::uint32_t>(completed.user_data >> 32);
    const auto generation = static_cast<std::uint32_t>(completed.user_data >> 8) & generation_mask;
    const auto operation = static_cast<Operation>(completed.user_data & 0xff);
    Socket& socket = socket_at(index);
    if ((socket.generation_ & generation_mask) != generation || socket.fd_ < 0) {
        take_provided(completed);  // late, for a socket that is gone: only its block matters
        return;
    }
    if (socket.closing_) {
        complete_closing(socket, operation, completed);
        return;
    }
    switch (operation) {
        case Operation::receive:
            complete_receive(socket, completed);
            return;
        case Operation::receive_once:
            complete_receive_once(socket, completed.result);
            return;
        case Operation::send:
            complete_send(socket, completed.result);
            return;
        case Operation::hangup:
            complete_hangup(socket, completed);
            return;
        default:
            return;
    }
}

void UringRing::complete_closing(Socket& socket, Operation operation,
                                 const Completed& completed) noexcept {
    take_provided(completed);
    if (operation != Operation::receive_once) return;
    BlockRef done(std::exchange(socket.in_kernel_, nullptr));
    socket.recycle();
}

void UringRing::complete_receive(Socket& socket, const Completed& completed) noexcept {
    const bool terminated = (completed.flags & IORING_CQE_F_MORE) == 0;
    if (terminated) socket.receive_armed_ = socket.receive_cancelling_ = false;
    if (completed.result > 0) {
        BlockRef block = take_provided(completed);
        block->end = static_cast<std::uint32_t>(completed.result);
        socket.append_pending(std::move(block));
        socket.input_changed();
        if (socket.fd_ < 0) return;  // its watcher has closed it
        if (socket.receiver_ == nullptr && socket.pending_count_ >= Socket::most_pending)
            stop_receive(socket);
    } else if (completed.result == 0) {
        socket.end_input(0);
        socket.input_changed();
        if (socket.fd_ >= 0) watch_hangup(socket);
        return;
    } else if (completed.result == -ENOBUFS) {
        starved_.emplace_back(socket.index_, socket.generation_);
        return;
    } else if (completed.result != -ECANCELED) {
        socket.end_input(-completed.result);
        socket.input_changed();
        return;
    }
    if (terminated) receive_terminated(socket);
}

void UringRing::receive_terminated(Socket& socket) noexcept {
    if (socket.input_ended_) return;
    if (socket.receiver_ != nullptr && socket.pending_head_ == nullptr) {
        start_receive(socket, socket.receiver_->size_);
    } else {
        watch_hangup(socket);  // while nothing is asked of the kernel, a reset would go unseen
    }
}

void UringRing::complete_receive_once(Socket& socket, int result) noexcept {
    BlockRef block(std::exchange(socket.in_kernel_, nullptr));
    if (result > 0) {
        block->end += static_cast<std::uint32_t>(result);
        socket.append_pending(std::move(block));
    } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
        socket.end_input(-result);
    } else if (socket.receiver_ != nullptr) {
        start_receive(socket, socket.receiver_->size_);
        return;
    }
    socket.input_changed();
    // Between two single receives a reset would go unseen.
    if (socket.fd_ >= 0 && !socket.input_ended_) watch_hangup(socket);
}

void UringRing::complete_hangup(Socket& socket, const Completed& completed) noexcept {
    if ((completed.flags & IORING_CQE_F_MORE) == 0) socket.hangup_armed_ = false;
    if (completed.result <= 0) return;
    const bool is_reset = (completed.result & (POLLERR | POLLHUP)) != 0;
    // Else a FIN (POLLRDHUP, unasked): a receiver reads it in its place behind the bytes.
    socket.peer_finished_ = true;
    if (is_reset) socket.end_input(ECONNRESET);
    if (is_reset || socket.receiver_ == nullptr) socket.input_changed();
}

void UringRing::complete_send(Socket& socket, int result) noexcept {
    SendAwaiter* send = socket.sender_;
    if (send == nullptr) return;
    const bool again = result == -EINTR || result == -EAGAIN;
    if (socket.cancel_reason_ != 0) {
        socket.resume_sender(socket.cancel_reason_);
    } else if (send->is_connect()) {
        socket.resume_sender(result < 0 ? -result : 0);
    } else if (result < 0 && !again) {
        socket.resume_sender(-result);
    } else if (send->advance(again ? 0 : static_cast<std::size_t>(result))) {
        socket.resume_sender(0);
    } else {
        submit_send(socket, *send);
    }
}

void UringRing::complete_accept(const Completed& completed) {
    const auto index = static_cast<std::uint32_t>(completed.user_data >> 32);
    const auto generation = static_cast<std::uint32_t>(completed.user_data >> 8) & generation_mask;
    ListenerSlot& slot = listeners_[index];
    if (slot.listener == nullptr || slot.generation != generation) {
        if (completed.result >= 0) ::close(completed.result);
        return;
    }
    Listener& listener = *slot.listener;
    if ((completed.flags & IORING_CQE_F_MORE) == 0) listener.armed_ = listener.stopping_ = false;
    if (completed.result != -ECANCELED && completed.result != -EINTR)
        listener.deliver(completed.result);
    listener.disarmed();
}

// --- receiving ---

void UringRing::expect_long_body(Socket& socket) noexcept {
    socket.carries_long_bodies_ = true;
    stop_receive(socket);  // else it would go on filling small blocks as fast as they are taken
}

bool UringRing::start_receive(Socket& socket, ReceiveSize size) noexcept {
    if (socket.in_kernel_ != nullptr) return false;
    if (size == ReceiveSize::small) {
        if (!socket.receive_armed_) arm_receive(socket);
    } else if (socket.receive_armed_) {
        stop_receive(socket);  // its end starts the single receive
    } else {
        receive_once(socket);
    }
    return false;
}

void UringRing::arm_receive(Socket& socket) noexcept {
    io_uring_sqe& sqe = next_sqe();
    if (socket.carries_long_bodies_) {
        // A multishot would drain the socket in small blocks before anyone can ask for a large one.
        io_uring_prep_recv(&sqe, socket.fd_, nullptr, 0, 0);
    } else {
        io_uring_prep_recv_multishot(&sqe, socket.fd_, nullptr, 0, 0);
    }
    sqe.buf_group = buffer_group;
    io_uring_sqe_set_flags(&sqe, IOSQE_BUFFER_SELECT);
    io_uring_sqe_set_data64(&sqe, tag(Operation::receive, socket));
    socket.receive_armed_ = true;
}

void UringRing::stop_receive(Socket& socket) noexcept {
    if (!socket.receive_armed_ || socket.receive_cancelling_) return;
    socket.receive_cancelling_ = true;
    submit_cancel(tag(Operation::receive, socket));
}

void UringRing::receive_once(Socket& socket) noexcept {
    socket.in_kernel_ = buffers().large().release();
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_recv(&sqe, socket.fd_, socket.in_kernel_->data(), socket.in_kernel_->capacity, 0);
    io_uring_sqe_set_data64(&sqe, tag(Operation::receive_once, socket));
}

void UringRing::watch_hangup(Socket& socket) noexcept {
    if (socket.hangup_armed_ || socket.watcher_ == nullptr || socket.input_error_ != 0) return;
    socket.hangup_armed_ = true;
    io_uring_sqe& sqe = next_sqe();
    // Multishot, and so edge-triggered: after a FIN has been reported once, it still waits for a
    // reset.
    io_uring_prep_poll_multishot(&sqe, socket.fd_, POLLERR | POLLHUP);
    io_uring_sqe_set_data64(&sqe, tag(Operation::hangup, socket));
}

BlockRef UringRing::take_provided(const Completed& completed) noexcept {
    if ((completed.flags & IORING_CQE_F_BUFFER) == 0) return {};
    const auto id = static_cast<std::uint16_t>(completed.flags >> IORING_CQE_BUFFER_SHIFT);
    BlockRef block(std::exchange(provided_blocks_[id], nullptr));
    free_buffer_ids_.push_back(id);
    --provided_count_;
    return block;
}

void UringRing::refill_buffers() noexcept {
    const int mask = io_uring_buf_ring_mask(provided_entries_);
    int added = 0;
    while (provided_count_ < provided_target_) {
        const std::uint16_t id = free_buffer_ids_.back();
        free_buffer_ids_.pop_back();
        Block* block = buffers().small().release();
        provided_blocks_[id] = block;
        io_uring_buf_ring_add(provided_, block->data(), block->capacity, id, mask, added++);
        ++provided_count_;
    }
    if (added > 0) io_uring_buf_ring_advance(provided_, added);
}

void UringRing::trim() noexcept {
    // The kernel takes blocks only while this thread is inside it (DEFER_TASKRUN): what it has not
    // taken yet can be taken back from the tail.
    provided_target_ = first_receive_blocks_;
    const int mask = io_uring_buf_ring_mask(provided_entries_);
    while (provided_count_ > provided_target_) {
        --provided_->tail;
        const std::uint16_t id = provided_->bufs[provided_->tail & mask].bid;
        BlockRef returned(std::exchange(provided_blocks_[id], nullptr));
        free_buffer_ids_.push_back(id);
        --provided_count_;
    }
    Ring::trim();
}

void UringRing::rearm_starved() noexcept {
    // Many sockets without a block want more of them; one that takes all for its long body does
    // not.
    if (starved_.size() * 2 > provided_target_) {
        provided_target_ = std::min(provided_target_ * 2, provided_entries_);
    }
    for (const auto& [index, generation] : starved_) {
        Socket& socket = socket_at(index);
        if (socket.generation_ != generation || socket.fd_ < 0 || socket.closing_) continue;
        if (!socket.receive_armed_ && !socket.input_ended_ && socket.in_kernel_ == nullptr)
            arm_receive(socket);
    }
    starved_.clear();
}

// --- sending, connecting, closing ---

bool UringRing::start_send(Socket& socket, SendAwaiter& send) noexcept {
    submit_send(socket, send);
    return false;
}

void UringRing::submit_send(Socket& socket, SendAwaiter& send) noexcept {
    io_uring_sqe& sqe = next_sqe();
    if (send.message_.msg_iovlen == 1) {
        const iovec& piece = *send.message_.msg_iov;
        io_uring_prep_send(&sqe, socket.fd_, piece.iov_base, piece.iov_len, MSG_NOSIGNAL);
    } else {
        io_uring_prep_sendmsg(&sqe, socket.fd_, &send.message_, MSG_NOSIGNAL);
    }
    io_uring_sqe_set_data64(&sqe, tag(Operation::send, socket));
}

bool UringRing::start_connect(Socket& socket, SendAwaiter& connect) noexcept {
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_connect(&sqe, socket.fd_, connect.address_, connect.address_size_);
    io_uring_sqe_set_data64(&sqe, tag(Operation::send, socket));
    return false;
}

void UringRing::cancel_send(Socket& socket) noexcept {
    submit_cancel(tag(Operation::send, socket));
}

void UringRing::close_socket(Socket& socket) noexcept {
    // The kernel holds the socket open for as long as an operation on it is under way: cancel, then
    // close.
    if (socket.receive_armed_ && !socket.receive_cancelling_)
        submit_cancel(tag(Operation::receive, socket));
    if (socket.hangup_armed_) submit_cancel(tag(Operation::hangup, socket));
    if (socket.in_kernel_ != nullptr) submit_cancel(tag(Operation::receive_once, socket));
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_close(&sqe, socket.fd_);
    io_uring_sqe_set_data64(&sqe, 0);
    io_uring_sqe_set_flags(&sqe, IOSQE_CQE_SKIP_SUCCESS);
    if (socket.in_kernel_ != nullptr) {
        socket.closing_ = true;
    } else {
        socket.recycle();
    }
}

// --- accepting ---

void UringRing::add_listener(Listener& listener) {
    listener.index_ = static_cast<std::uint32_t>(listeners_.size());
    listeners_.push_back({&listener, 0});
    // io_uring would answer EAGAIN at once instead of waiting; a socket that was handed over may
    // say so.
    ::fcntl(listener.fd_, F_SETFL, ::fcntl(listener.fd_, F_GETFL) & ~O_NONBLOCK);
}

void UringRing::remove_listener(Listener& listener) noexcept {
    stop_accept(listener);
    ListenerSlot& slot = listeners_[listener.index_];
    slot.listener = nullptr;
    ++slot.generation;
}

void UringRing::start_accept(Listener& listener) noexcept {
    if (listener.armed_) return;  // also while a cancel is under way: its completion arms anew
    listener.armed_ = true;
    io_uring_sqe& sqe = next_sqe();
    if (listener.mode_ == AcceptMode::batch) {
        io_uring_prep_multishot_accept(&sqe, listener.fd_, nullptr, nullptr, SOCK_CLOEXEC);
    } else {
        io_uring_prep_accept(&sqe, listener.fd_, nullptr, nullptr, SOCK_CLOEXEC);
    }
    io_uring_sqe_set_data64(
        &sqe, tag(Operation::accept, listener.index_, listeners_[listener.index_].generation));
}

void UringRing::stop_accept(Listener& listener) noexcept {
    if (!listener.armed_ || listener.stopping_) return;
    listener.stopping_ = true;
    submit_cancel(tag(Operation::accept, listener.index_, listeners_[listener.index_].generation));
}

}  // namespace penstock::io
