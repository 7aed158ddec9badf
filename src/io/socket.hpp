// Socket: one connected (or connecting) stream socket of a loop, and the operations a coroutine
// awaits on it.
//
// Made by Ring::adopt() or Ring::connect_socket(), used on that ring's thread alone, ended by
// close(). At most one coroutine receives and one sends (or connects) at a time. Errors are
// positive errno values; 0 is success.
//
// Two kinds of ending are kept apart. A *deadline* ends one wait with ETIMEDOUT and leaves the
// socket usable. interrupt() is for good: whoever waits now or later gets the given error. Either
// way an operation that the kernel still holds is cancelled first and its completion awaited, so
// that no buffer is freed under the kernel.
#pragma once

#include <coroutine>
#include <cstdint>

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.hpp"
#include "io/buffer_pool.hpp"
#include "io/timer_wheel.hpp"

namespace penstock::io {

class Ring;
class Socket;

/// Bytes, the peer's FIN (no block, no error), or an error.
struct Received {
    BlockRef block;
    int error = 0;

    bool is_end() const noexcept { return !block && error == 0; }
};

/// Told of input that nobody awaits: bytes, FIN or a reset. Called while completions are collected:
/// it may interrupt and close sockets and schedule coroutines, but must not resume any.
class SocketWatcher {
  public:
    virtual void on_unawaited_input(Socket& socket) = 0;

  protected:
    ~SocketWatcher() = default;
};

/// How much room the next receive should offer the kernel.
enum class ReceiveSize : std::uint8_t { small, large };

class ReceiveAwaiter;
class SendAwaiter;
class ConnectAwaiter;

class Socket {
  public:
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    /// The next bytes in order. Waits until `deadline` (ETIMEDOUT).
    ReceiveAwaiter receive(TimePoint deadline, ReceiveSize size = ReceiveSize::small) noexcept;

    /// Sends all of `pieces` (which it uses up). ETIMEDOUT after `stall_limit` without any
    /// progress.
    SendAwaiter send(iovec* pieces, unsigned count, Duration stall_limit) noexcept;

    /// Connects to `address`, which must outlive the wait.
    ConnectAwaiter connect(const sockaddr* address, socklen_t size, TimePoint deadline) noexcept;

    /// Ends what waits and what will: see above.
    void interrupt(int error) noexcept;

    bool is_interrupted() const noexcept { return interrupted_ != 0; }

    /// Ends the present receive alone, with `error`; later ones are not touched.
    void cancel_receive(int error) noexcept;
    /// Moves the deadline of the receive that is under way; does nothing where none is.
    void set_receive_deadline(TimePoint deadline) noexcept;
    /// Asks for input although nobody receives yet, so that the watcher hears of it.
    void expect_input() noexcept;

    /// Input that is there already, without waiting; empty where there is none.
    BlockRef take_pending() noexcept;

    /// Null for none. The watcher must be taken off before it dies.
    void watch(SocketWatcher* watcher) noexcept { watcher_ = watcher; }

    bool has_pending() const noexcept { return pending_head_ != nullptr; }
    /// The peer will send no more (FIN seen), or the connection has failed.
    bool input_ended() const noexcept { return input_ended_; }
    /// The same, though bytes from before the FIN may be unread: known where it has a watcher.
    bool peer_finished() const noexcept { return input_ended_ || peer_finished_; }
    /// 0 until the connection has failed.
    int input_error() const noexcept { return input_error_; }
    int fd() const noexcept { return fd_; }
    Ring& ring() const noexcept { return ring_; }

    /// Ends sending; the peer reads to the end of what was sent.
    void shutdown_send() noexcept;
    /// Makes close() send RST: for an abort that the peer must be able to tell from a clean end.
    void reset_on_close() noexcept;
    /// Sends RST here and now. Only close() may follow.
    void reset() noexcept;
    /// Gives the socket back to its ring. Nobody may be waiting on it.
    void close() noexcept;

  private:
    friend class Ring;
    friend class UringRing;
    friend class EpollRing;
    friend class ReceiveAwaiter;
    friend class SendAwaiter;
    friend class ConnectAwaiter;

    /// Pending small blocks past which the kernel is no longer asked for more while nobody
    /// receives.
    static constexpr unsigned most_pending = 2;

    Socket(Ring& ring, std::uint32_t index) noexcept;
    ~Socket() = default;

    void open(int fd) noexcept;
    void recycle() noexcept;
    void append_pending(BlockRef block) noexcept;
    void end_input(int error) noexcept;
    /// Something arrived: resumes the receiver, or tells the watcher.
    void input_changed() noexcept;
    void resume_receiver(int error) noexcept;
    void resume_sender(int error) noexcept;
    void guard_deadline(TimePoint deadline) noexcept;
    static void on_timer(Timer& timer);
    void check_deadlines() noexcept;

    struct DeadlineTimer : Timer {
        explicit DeadlineTimer(Socket& s) noexcept : Timer(&Socket::on_timer), socket(s) {}
        Socket& socket;
    };

    Ring& ring_;
    SocketWatcher* watcher_ = nullptr;
    Block* pending_head_ = nullptr;
    Block* pending_tail_ = nullptr;
    Block* in_kernel_ = nullptr;  // of a single receive under way (io_uring)
    ReceiveAwaiter* receiver_ = nullptr;
    SendAwaiter* sender_ = nullptr;
    DeadlineTimer timer_{*this};
    int fd_ = -1;
    std::uint32_t index_;
    std::uint32_t generation_ = 0;
    int input_error_ = 0;
    int interrupted_ = 0;
    int cancel_reason_ = 0;  // why a send or connect in the kernel is being cancelled
    std::uint8_t pending_count_ = 0;
    bool input_ended_ = false;
    // io_uring: the state of the receive that the kernel holds.
    bool receive_armed_ = false;
    bool receive_cancelling_ = false;
    bool hangup_armed_ = false;
    bool carries_long_bodies_ =
        false;  // has asked for a large receive: small ones are then taken one by one
    bool closing_ = false;
    bool peer_finished_ = false;  // a FIN has come; it may stand behind unread bytes
    bool readable_ = false;       // epoll: what the last edge said
};

class [[nodiscard]] ReceiveAwaiter {
  public:
    ReceiveAwaiter(Socket& socket, TimePoint deadline, ReceiveSize size) noexcept
        : socket_(socket), deadline_(deadline), size_(size) {}
    ReceiveAwaiter(const ReceiveAwaiter&) = delete;

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> handle) noexcept;
    Received await_resume() noexcept;

  private:
    friend class Socket;
    friend class UringRing;
    friend class EpollRing;

    Socket& socket_;
    std::coroutine_handle<> handle_;
    TimePoint deadline_;
    int error_ = 0;
    ReceiveSize size_;
};

/// Also the kernel's view of a send under way: it stays where it is until the completion has come.
class [[nodiscard]] SendAwaiter {
  public:
    SendAwaiter(Socket& socket, iovec* pieces, unsigned count, Duration stall_limit) noexcept;
    SendAwaiter(const SendAwaiter&) = delete;

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> handle) noexcept;
    int await_resume() noexcept { return error_; }

  private:
    friend class Socket;
    friend class UringRing;
    friend class EpollRing;
    friend class ConnectAwaiter;

    SendAwaiter(Socket& socket, TimePoint deadline) noexcept;
    /// Takes `sent` bytes off the front; true where nothing is left.
    bool advance(std::size_t sent) noexcept;
    bool is_connect() const noexcept { return address_ != nullptr; }

    Socket& socket_;
    std::coroutine_handle<> handle_;
    msghdr message_{};
    const sockaddr* address_ = nullptr;
    socklen_t address_size_ = 0;
    Duration stall_limit_{};
    TimePoint deadline_ = never;
    int error_ = 0;
};

class [[nodiscard]] ConnectAwaiter : public SendAwaiter {
  public:
    ConnectAwaiter(Socket& socket, const sockaddr* address, socklen_t size,
                   TimePoint deadline) noexcept;
    bool await_ready() noexcept;
};

inline ReceiveAwaiter Socket::receive(TimePoint deadline, ReceiveSize size) noexcept {
    return {*this, deadline, size};
}
inline SendAwaiter Socket::send(iovec* pieces, unsigned count, Duration stall_limit) noexcept {
    return {*this, pieces, count, stall_limit};
}
inline ConnectAwaiter Socket::connect(const sockaddr* address, socklen_t size,
                                      TimePoint deadline) noexcept {
    return {*this, address, size, deadline};
}

}  // namespace penstock::io
