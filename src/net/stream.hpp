// Stream: a connection as HTTP sees it: bytes both ways, over TCP or a Unix socket, plain or under
// TLS.
//
// Has io::Socket's operations under their names and with their rules (io/socket.hpp), and adds
// nothing to a plain one but a branch. Belongs to its socket's thread; the socket belongs to its
// ring, and ends with close().
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "io/ring.hpp"
#include "io/socket.hpp"
#include "io/task.hpp"
#include "net/tls/session.hpp"

namespace penstock::net {

class StreamReceive;
class StreamSend;

class Stream {
  public:
    /// Plain, until secure().
    explicit Stream(io::Socket& socket) noexcept : socket_(&socket) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// From here on under TLS: the handshake is the next thing to happen on it.
    void secure(std::unique_ptr<tls::Session> session) noexcept { session_ = std::move(session); }
    bool is_secured() const noexcept { return session_ != nullptr; }
    /// Of a secured one.
    tls::Session& session() const noexcept { return *session_; }

    StreamReceive receive(TimePoint deadline,
                          io::ReceiveSize size = io::ReceiveSize::small) noexcept;
    StreamSend send(iovec* pieces, unsigned count, Duration stall_limit) noexcept;

    void interrupt(int error) noexcept { socket_->interrupt(error); }
    bool is_interrupted() const noexcept { return socket_->is_interrupted(); }
    void cancel_receive(int error) noexcept { socket_->cancel_receive(error); }
    void set_receive_deadline(TimePoint deadline) noexcept {
        socket_->set_receive_deadline(deadline);
    }
    void expect_input() noexcept { socket_->expect_input(); }
    void watch(io::SocketWatcher* watcher) noexcept { socket_->watch(watcher); }

    bool has_pending() const noexcept {
        return socket_->has_pending() || (session_ != nullptr && session_->has_pending());
    }
    bool input_ended() const noexcept {
        return socket_->input_ended() || (session_ != nullptr && session_->input_ended());
    }
    bool peer_finished() const noexcept { return socket_->peer_finished(); }
    int input_error() const noexcept { return socket_->input_error(); }
    /// To be asked when a watcher has been told of input: true where it was none of the
    /// application's, but TLS's own.
    bool absorbed_input() noexcept { return session_ != nullptr && session_->absorb_unasked(); }
    /// Nothing for the application has come that it has not been given, the end neither.
    bool is_quiet() noexcept { return !input_ended() && (!has_pending() || absorbed_input()); }

    io::Socket& socket() const noexcept { return *socket_; }
    io::Ring& ring() const noexcept { return socket_->ring(); }
    int fd() const noexcept { return socket_->fd(); }

    /// Under TLS the peer is told first (close_notify), as by close().
    void shutdown_send() noexcept {
        say_goodbye();
        socket_->shutdown_send();
    }
    void reset_on_close() noexcept {
        is_abort_ = true;
        socket_->reset_on_close();
    }
    void reset() noexcept {
        is_abort_ = true;
        socket_->reset();
    }
    void close() noexcept {
        say_goodbye();
        socket_->close();
    }

  private:
    void say_goodbye() noexcept {
        if (session_ != nullptr && !is_abort_) session_->say_goodbye();
    }

    io::Socket* socket_;
    std::unique_ptr<tls::Session> session_;
    bool is_abort_ = false;
};

/// Either the socket's own awaiter or a task of the session's, decided when it is made.
class [[nodiscard]] StreamReceive {
  public:
    StreamReceive(Stream& stream, TimePoint deadline, io::ReceiveSize size) noexcept
        : plain_(stream.socket(), deadline, size) {
        if (stream.is_secured()) secured_.emplace(stream.session().receive(deadline, size));
    }
    StreamReceive(const StreamReceive&) = delete;

    bool await_ready() noexcept {
        return secured_ ? secured_->await_ready() : plain_.await_ready();
    }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
        secured_ ? secured_->await_suspend(handle) : plain_.await_suspend(handle);
    }
    io::Received await_resume() noexcept {
        return secured_ ? secured_->await_resume() : plain_.await_resume();
    }

  private:
    io::ReceiveAwaiter plain_;
    std::optional<io::Task<io::Received>> secured_;
};

class [[nodiscard]] StreamSend {
  public:
    StreamSend(Stream& stream, iovec* pieces, unsigned count, Duration stall_limit) noexcept
        : plain_(stream.socket(), pieces, count, stall_limit) {
        if (stream.is_secured())
            secured_.emplace(stream.session().send(pieces, count, stall_limit));
    }
    StreamSend(const StreamSend&) = delete;

    bool await_ready() noexcept {
        return secured_ ? secured_->await_ready() : plain_.await_ready();
    }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
        secured_ ? secured_->await_suspend(handle) : plain_.await_suspend(handle);
    }
    int await_resume() noexcept {
        return secured_ ? secured_->await_resume() : plain_.await_resume();
    }

  private:
    io::SendAwaiter plain_;
    std::optional<io::Task<int>> secured_;
};

inline StreamReceive Stream::receive(TimePoint deadline, io::ReceiveSize size) noexcept {
    return {*this, deadline, size};
}
inline StreamSend Stream::send(iovec* pieces, unsigned count, Duration stall_limit) noexcept {
    return {*this, pieces, count, stall_limit};
}

}  // namespace penstock::net
