// The epoll engine: for hosts that forbid io_uring (most containers do).
//
// Every socket is watched once, edge-triggered, for its whole life; system calls are made only
// where an edge or the last short read says that they will succeed. A coroutine whose bytes are
// there goes on without suspending, within a budget a turn so that one busy connection cannot keep
// the others waiting.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/epoll.h>

#include "io/ring.hpp"

namespace penstock::io {

class EpollRing final : public Ring {
  public:
    /// Takes over `wake_fd` where it succeeds.
    static Result<std::unique_ptr<Ring>> create(int wake_fd);
    ~EpollRing() override;

    Engine engine() const noexcept override { return Engine::epoll; }

  private:
    static constexpr int reads_a_turn = 256;
    static constexpr int accepts_a_turn = 64;
    static constexpr std::size_t first_list_room = 256;

    using Slots = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // index and generation

    EpollRing(int wake_fd, int epoll_fd);

    bool start_receive(Socket& socket, ReceiveSize size) noexcept override;
    bool start_send(Socket& socket, SendAwaiter& send) noexcept override;
    bool start_connect(Socket& socket, SendAwaiter& connect) noexcept override;
    void cancel_send(Socket& socket) noexcept override;
    void close_socket(Socket& socket) noexcept override;
    void start_accept(Listener& listener) noexcept override;
    void stop_accept(Listener& listener) noexcept override;
    void add_listener(Listener& listener) override;
    void remove_listener(Listener& listener) noexcept override;
    void opened(Socket& socket) noexcept override;
    int socket_flags() const noexcept override { return SOCK_NONBLOCK; }
    void submit_and_collect(TimePoint deadline) override;

    void dispatch(const epoll_event& event) noexcept;
    void socket_event(Socket& socket, std::uint32_t events) noexcept;
    void accept_some(Listener& listener) noexcept;
    /// True: bytes, FIN or an error are in the socket now.
    bool read_some(Socket& socket, ReceiveSize size) noexcept;
    /// True: it has ended, `error_` says how.
    bool send_some(Socket& socket, SendAwaiter& send) noexcept;
    void read_deferred() noexcept;
    /// All sends that the turn's coroutines have asked for; true where any has ended.
    bool send_collected() noexcept;

    int epoll_fd_;
    int reads_left_ = reads_a_turn;
    // Sockets that ran out of a turn's budget of reads.
    Slots deferred_;
    Slots reading_;
    // Sends wait for the turn's end: peers are woken once for many, which costs less than waking
    // each at once.
    Slots unsent_;
    Slots sending_;
    std::vector<Listener*> listeners_;
    std::array<epoll_event, 512> events_;
};

}  // namespace penstock::io
