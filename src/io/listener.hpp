// Listener: a listening socket of a loop, and the awaiter that takes connections from it.
//
// Made on a ring, used on that ring's thread alone. Not owned by the ring: it must be stopped
// (interrupt() and the acceptor resumed) before it dies; the file descriptor is closed by its
// owner.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>

namespace penstock::io {

class Ring;

/// `batch` lets the kernel hand over whatever has connected; `single` takes exactly one, for an
/// owner near its limit.
enum class AcceptMode : std::uint8_t { batch, single };

class Listener {
  public:
    Listener(Ring& ring, int fd);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    /// A connected file descriptor (the caller's), or a negative errno: -EMFILE and the like when
    /// the process has run out (wait, then accept again), -ECANCELED after interrupt().
    class [[nodiscard]] AcceptAwaiter {
      public:
        AcceptAwaiter(Listener& listener, AcceptMode mode) noexcept : listener_(listener) {
            listener.mode_ = mode;
        }
        bool await_ready() noexcept;
        void await_suspend(std::coroutine_handle<> handle) noexcept {
            listener_.acceptor_ = handle;
        }
        int await_resume() noexcept;

      private:
        Listener& listener_;
    };
    AcceptAwaiter accept(AcceptMode mode = AcceptMode::batch) noexcept { return {*this, mode}; }

    /// Whether a connection waits in the kernel's queue. Where the process has run out, io_uring
    /// says so before anybody connects.
    bool has_waiting() const noexcept;

    /// Leaves further connections in the kernel's queue until the next accept().
    void pause() noexcept;

    /// The same whoever accepts, until release(): accept() waits.
    void hold() noexcept;
    void release() noexcept;

    /// For good: the acceptor, now or later, gets -ECANCELED once the kernel takes nothing more for
    /// us. Connections already taken come first.
    void interrupt() noexcept;

    /// After that: a connection that waits in the kernel's queue (the caller's), or -EAGAIN where
    /// there is none. The socket does not block any more, for nobody who has it.
    int accept_waiting() noexcept;

    int fd() const noexcept { return fd_; }

  private:
    friend class UringRing;
    friend class EpollRing;

    void deliver(int fd_or_error) noexcept;
    /// The kernel has let go of the accept.
    void disarmed() noexcept;

    Ring& ring_;
    int fd_;
    std::uint32_t index_ = 0;
    std::deque<int> accepted_;
    std::coroutine_handle<> acceptor_;
    AcceptMode mode_ = AcceptMode::batch;
    bool armed_ =
        false;  // the kernel holds a multishot accept (io_uring), or the fd is watched (epoll)
    bool stopping_ = false;  // a cancel is under way
    bool held_ = false;
    bool interrupted_ = false;
};

}  // namespace penstock::io
