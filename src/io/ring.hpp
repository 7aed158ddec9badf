// Ring: the loop of one thread, the face of the two engines (io_uring, epoll).
//
// A turn is: wait for the kernel, collect every completion, then resume the coroutines that they
// concern. Whoever owns the thread runs turns; nothing here locks or blocks but wait(). All of it
// belongs to the thread that made the ring, save mailbox().post().
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "io/buffer_pool.hpp"
#include "io/listener.hpp"
#include "io/mailbox.hpp"
#include "io/socket.hpp"
#include "io/timer_wheel.hpp"

namespace penstock::io {

enum class Engine : std::uint8_t { uring, epoll };

/// Sizes that only tests change.
struct RingOptions {
    unsigned submission_entries = 2048;
    unsigned completion_entries = 16'384;
    unsigned first_receive_blocks = 64;  // given to the kernel at the start; grows as they run out
    unsigned most_receive_blocks = 1'024;  // a power of two
};

class Ring {
  public:
    /// Made on the thread that will run it. Fails where the kernel refuses the engine, saying why.
    static Result<std::unique_ptr<Ring>> create(Engine engine, const RingOptions& options = {});

    virtual ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    virtual Engine engine() const noexcept = 0;

    // --- the loop ---

    /// One turn's first half: submits, waits until something happens or `deadline`, and collects
    /// completions.
    void wait(TimePoint deadline);
    /// One turn's second half: fires timers, delivers mail, resumes all that is ready.
    void run_ready();
    /// Turns until `done` is true; for tests, tools and the start of threads.
    template <class Done>
    void run_until(Done&& done) {
        run_ready();
        while (!done()) {
            wait(never);
            run_ready();
        }
    }

    /// Resumed in this turn if it is still running, else in the next.
    void schedule(std::coroutine_handle<> handle) { ready_.push_back(handle); }

    /// The time at which this turn's completions were collected.
    TimePoint now() const noexcept { return now_; }
    TimerWheel& timers() noexcept { return timers_; }
    BufferPool& buffers() noexcept { return buffers_; }
    Mailbox& mailbox() noexcept { return mailbox_; }

    /// Gives memory that is not in use back to the system; for a loop that has gone quiet.
    virtual void trim() noexcept;

    struct [[nodiscard]] YieldAwaiter {
        Ring& ring;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> handle) noexcept { ring.schedule(handle); }
        void await_resume() noexcept {}
    };
    /// Resumes the caller in this turn, after all that is ready now.
    YieldAwaiter yield() noexcept { return {*this}; }

    class [[nodiscard]] SleepAwaiter;
    /// Resumes the caller `duration` from now.
    SleepAwaiter sleep(Duration duration) noexcept;

    // --- sockets ---

    /// Takes over a connected file descriptor.
    Socket& adopt(int fd);
    /// A new stream socket, not yet connected; a negative errno where the kernel gives none.
    Result<Socket*, int> connect_socket(int family);
    std::size_t open_sockets() const noexcept { return open_sockets_; }

  protected:
    explicit Ring(int wake_fd);

    friend class Socket;
    friend class Listener;
    friend class ReceiveAwaiter;
    friend class SendAwaiter;
    friend class ConnectAwaiter;

    /// A large receive is asked for, though small blocks may be pending still.
    virtual void expect_long_body(Socket&) noexcept {}
    /// True: the outcome is in the socket already. False: input_changed() or a completion will
    /// resume the receiver.
    virtual bool start_receive(Socket& socket, ReceiveSize size) noexcept = 0;
    virtual bool start_send(Socket& socket, SendAwaiter& send) noexcept = 0;
    virtual bool start_connect(Socket& socket, SendAwaiter& connect) noexcept = 0;
    /// Makes the send or connect under way end with the socket's cancel_reason_.
    virtual void cancel_send(Socket& socket) noexcept = 0;
    virtual void close_socket(Socket& socket) noexcept = 0;
    virtual void start_accept(Listener& listener) noexcept = 0;
    virtual void stop_accept(Listener& listener) noexcept = 0;
    virtual void add_listener(Listener& listener) = 0;
    virtual void remove_listener(Listener& listener) noexcept = 0;
    virtual void opened(Socket& socket) noexcept = 0;
    virtual int socket_flags() const noexcept = 0;
    virtual void submit_and_collect(TimePoint deadline) = 0;

    void recycle(Socket& socket) noexcept;
    Socket& socket_at(std::uint32_t index) noexcept { return *sockets_[index]; }
    void end_sockets() noexcept;

    int wake_fd_;

  private:
    TimePoint now_;
    TimerWheel timers_;
    BufferPool buffers_;
    Mailbox mailbox_;
    std::vector<std::coroutine_handle<>> ready_;
    std::vector<std::coroutine_handle<>> resuming_;
    std::vector<Socket*>
        sockets_;  // by index; never shrinks, so that late completions find their slot
    std::vector<std::uint32_t> free_sockets_;
    std::size_t open_sockets_ = 0;
};

class [[nodiscard]] Ring::SleepAwaiter : Timer {
  public:
    SleepAwaiter(Ring& ring, Duration duration) noexcept
        : Timer(&fire), ring_(ring), duration_(duration) {}
    bool await_ready() const noexcept { return duration_ <= Duration::zero(); }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
        handle_ = handle;
        ring_.timers().arm(*this, ring_.now() + duration_);
    }
    void await_resume() noexcept {}

  private:
    static void fire(Timer& timer) {
        auto& self = static_cast<SleepAwaiter&>(timer);
        self.ring_.schedule(self.handle_);
    }

    Ring& ring_;
    Duration duration_;
    std::coroutine_handle<> handle_;
};

inline Ring::SleepAwaiter Ring::sleep(Duration duration) noexcept {
    return {*this, duration};
}

/// Whether this kernel and this process's limits allow so many rings of io_uring at once; or why
/// not (one line).
Result<void> probe_uring(std::size_t rings = 1);

}  // namespace penstock::io
