// UpstreamSession: an HTTP/2 connection to one backend, shared by the requests of one worker: made
// by the first that needs it, waited for by those that come meanwhile.
//
// Owned by its pool, on its worker's thread; ends by itself when idle for too long, when the
// backend ends it, or when the pool retires it.
#pragma once

#include <cerrno>
#include <memory>
#include <optional>

#include "base/intrusive_list.hpp"
#include "http/h2/client_session.hpp"
#include "io/event.hpp"
#include "io/task.hpp"
#include "io/timed_event.hpp"
#include "net/stream.hpp"
#include "proxy/own_response.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class UpstreamPool;

class UpstreamSession final : public ListNode<UpstreamSession> {
  public:
    struct Terms {
        Duration idle_limit{};
        Duration stall_limit{};
        TimePoint deadline{};                // for connecting and the TLS handshake
        std::uint32_t expected_streams = 0;  // see http::h2::ClientLimits
    };

    UpstreamSession(UpstreamPool& pool, io::Socket& socket, const snapshot::Upstream& upstream,
                    const Terms& terms);
    UpstreamSession(const UpstreamSession&) = delete;
    UpstreamSession& operator=(const UpstreamSession&) = delete;
    ~UpstreamSession();

    /// Its whole life. The pool then forgets it.
    io::Task<void> run();

    /// Somebody who waits for the connection to be made.
    class Waiter : public ListNode<Waiter> {
      public:
        explicit Waiter(io::Ring& ring) noexcept : event_(ring) {}
        void interrupt(int error) noexcept {
            error_ = error;
            event_.set();
        }

      private:
        friend class UpstreamSession;
        io::TimedEvent event_;
        int error_ = 0;
    };
    /// 0 once a stream may be made on it, or the errno of the failure; EPROTO: see tls_failure().
    io::Task<int> wait_ready(Waiter& waiter, TimePoint deadline);
    const TlsFailure& tls_failure() const noexcept { return tls_failure_; }

    /// Being made, or open and with room for one more.
    bool is_usable() const noexcept;
    bool is_idle() const noexcept;
    http::h2::ClientSession& session() noexcept { return *session_; }
    /// How many streams the backend takes on a connection, as far as this one knows.
    std::uint32_t most_streams() const noexcept {
        return session_ ? session_->most_streams() : terms_.expected_streams;
    }
    /// No further stream is made on it; ends with the last.
    void retire() noexcept;
    /// Ends now.
    void abort() noexcept { stream_.interrupt(ECANCELED); }

  private:
    enum class State : std::uint8_t { connecting, open, ended };

    io::Task<int> connect();
    void wake_waiters() noexcept;

    UpstreamPool& pool_;
    net::Stream stream_;
    net::Address address_;
    std::shared_ptr<const snapshot::BackendTls> tls_;
    Terms terms_;
    std::optional<http::h2::ClientSession> session_;
    IntrusiveList<Waiter> waiters_;
    io::Event no_waiters_;
    TlsFailure tls_failure_;
    State state_ = State::connecting;
    int error_ = 0;
};

}  // namespace penstock::proxy
