// The io_uring engine.
//
// What it does to be cheap (figures in bench/RESULTS.md): SINGLE_ISSUER, DEFER_TASKRUN and
// COOP_TASKRUN, a registered ring descriptor, multishot accept, multishot receive out of a ring of
// provided buffers (an idle connection holds none), and one io_uring_enter a turn for all that the
// turn's coroutines have asked for. Once a connection has carried a long body, single
// receives into large blocks take the place of its multishot.
//
// Every completion names a slot and that slot's generation: one that comes late for a socket that
// has been closed is dropped. A block that the kernel may still write to belongs to the socket's
// slot, which is not used anew before the last completion has come.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <liburing.h>

#include "io/ring.hpp"

namespace penstock::io {

class UringRing final : public Ring {
  public:
    /// Takes over `wake_fd` where it succeeds.
    static Result<std::unique_ptr<Ring>> create(int wake_fd, const RingOptions& options);
    ~UringRing() override;

    Engine engine() const noexcept override { return Engine::uring; }
    void trim() noexcept override;

  private:
    enum class Operation : std::uint8_t { none, receive, receive_once, send, hangup, accept, wake };

    struct Completed {
        std::uint64_t user_data;
        std::int32_t result;
        std::uint32_t flags;
    };

    explicit UringRing(int wake_fd);
    Result<void> set_up(const RingOptions& options);
    Result<void> set_up_buffers(const RingOptions& options);

    void expect_long_body(Socket& socket) noexcept override;
    bool start_receive(Socket& socket, ReceiveSize size) noexcept override;
    bool start_send(Socket& socket, SendAwaiter& send) noexcept override;
    bool start_connect(Socket& socket, SendAwaiter& connect) noexcept override;
    void cancel_send(Socket& socket) noexcept override;
    void close_socket(Socket& socket) noexcept override;
    void start_accept(Listener& listener) noexcept override;
    void stop_accept(Listener& listener) noexcept override;
    void add_listener(Listener& listener) override;
    void remove_listener(Listener& listener) noexcept override;
    void opened(Socket&) noexcept override {}
    int socket_flags() const noexcept override { return 0; }
    void submit_and_collect(TimePoint deadline) override;

    io_uring_sqe& next_sqe() noexcept;
    void submit_cancel(std::uint64_t user_data) noexcept;
    void submit_send(Socket& socket, SendAwaiter& send) noexcept;
    void submit_wake_read() noexcept;
    void arm_receive(Socket& socket) noexcept;
    void stop_receive(Socket& socket) noexcept;
    void receive_once(Socket& socket) noexcept;
    void watch_hangup(Socket& socket) noexcept;

    void collect();
    void dispatch(const Completed& completed);
    void complete_socket(const Completed& completed);
    void complete_closing(Socket& socket, Operation operation, const Completed& completed) noexcept;
    void complete_receive(Socket& socket, const Completed& completed) noexcept;
    void complete_receive_once(Socket& socket, int result) noexcept;
    void complete_hangup(Socket& socket, const Completed& completed) noexcept;
    void complete_send(Socket& socket, int result) noexcept;
    void complete_accept(const Completed& completed);
    void receive_terminated(Socket& socket) noexcept;

    BlockRef take_provided(const Completed& completed) noexcept;
    void refill_buffers() noexcept;
    void rearm_starved() noexcept;

    static std::uint64_t tag(Operation operation, std::uint32_t index,
                             std::uint32_t generation) noexcept;
    static std::uint64_t tag(Operation operation, const Socket& socket) noexcept;

    io_uring ring_{};
    bool ring_ready_ = false;

    io_uring_buf_ring* provided_ = nullptr;
    unsigned provided_entries_ = 0;
    unsigned first_receive_blocks_ = 0;
    unsigned provided_target_ =
        0;  // blocks that the kernel should hold; grows as sockets run out of them
    unsigned provided_count_ = 0;
    std::vector<Block*> provided_blocks_;  // by buffer id; null: not with the kernel
    std::vector<std::uint16_t> free_buffer_ids_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>>
        starved_;  // slots whose receive ended for want of a block

    struct ListenerSlot {
        Listener* listener = nullptr;
        std::uint32_t generation = 0;
    };
    std::vector<ListenerSlot> listeners_;
    std::uint64_t wake_counter_ = 0;
};

}  // namespace penstock::io
