// Connections to backends, kept alive between requests: one pool a worker and backend.
//
// Last in, first out, so that the warmest connection is used and the rest run into their idle
// time-out. A connection that shows any sign of life while it is idle (bytes, FIN, reset; not TLS's
// own messages) is closed at once and never given to anyone. With them: the TLS sessions that new
// connections may resume. Used on its worker's thread alone.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/intrusive_list.hpp"
#include "io/ring.hpp"
#include "net/stream.hpp"
#include "net/tls/resumable_sessions.hpp"
#include "proxy/upstream_session.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class UpstreamPool;

/// A connection to one backend: leased to one exchange, or idle in its pool.
class UpstreamConnection final : public ListNode<UpstreamConnection>, public io::SocketWatcher {
  public:
    UpstreamConnection(io::Socket& socket, UpstreamPool& pool) noexcept
        : stream_(socket), pool_(pool) {}

    net::Stream& stream() noexcept { return stream_; }

    void on_unawaited_input(io::Socket& socket) override;

  private:
    friend class UpstreamPool;

    net::Stream stream_;
    UpstreamPool& pool_;
    TimePoint idle_since_{};
};

class UpstreamPool {
  public:
    UpstreamPool(io::Ring& ring, net::tls::SessionLimit& sessions,
                 std::uint32_t generation) noexcept
        : ring_(ring), sessions_(sessions), timer_(*this), generation_(generation) {}
    UpstreamPool(const UpstreamPool&) = delete;
    UpstreamPool& operator=(const UpstreamPool&) = delete;
    ~UpstreamPool();

    /// The most recently used idle connection; null where there is none.
    UpstreamConnection* lease() noexcept;
    /// A connection on a new socket, leased.
    UpstreamConnection* add(io::Socket& socket);
    /// Keeps it for later, where that makes no more than `most` idle ones.
    void give_back(UpstreamConnection* connection, std::uint32_t most, Duration idle) noexcept;
    /// Ends a leased or idle connection.
    void close(UpstreamConnection* connection) noexcept;

    /// An HTTP/2 connection that takes another request, or is being made; null where there is none.
    UpstreamSession* find_session() noexcept;
    /// One on a new socket, which begins to connect.
    UpstreamSession& open_session(io::Socket& socket, const snapshot::Upstream& upstream,
                                  const UpstreamSession::Terms& terms);
    /// How many streams the backend takes on a connection, as far as any of them knows.
    std::uint32_t stream_limit() noexcept;
    /// A connection that takes none for now says nothing of others.
    void note_stream_limit(std::uint32_t limit) noexcept {
        if (limit > 0) stream_limit_ = limit;
    }
    /// Its life has ended.
    void forget(UpstreamSession& session) noexcept;

    void close_idle() noexcept;
    /// No further request is made on any of its connections.
    void retire() noexcept;
    /// Its HTTP/2 connections end without a word.
    void abort() noexcept;
    /// That the backend has given out; under one configuration of TLS, for another one has another
    /// live state, and so another pool.
    net::tls::ResumableSessions& sessions() noexcept { return sessions_; }
    std::uint32_t generation() const noexcept { return generation_; }
    bool is_unused() const noexcept { return total_ == 0 && multiplexed_.empty(); }

  private:
    struct IdleTimer : io::Timer {
        explicit IdleTimer(UpstreamPool& p) noexcept : Timer(&UpstreamPool::on_timer), pool(p) {}
        UpstreamPool& pool;
    };

    static void on_timer(io::Timer& timer);
    void close_expired() noexcept;

    io::Ring& ring_;
    net::tls::ResumableSessions sessions_;
    IntrusiveList<UpstreamConnection> idle_;  // oldest first
    IntrusiveList<UpstreamSession> multiplexed_;
    std::uint32_t stream_limit_ = http::h2::ClientLimits().expected_streams;
    std::uint32_t idle_count_ = 0;
    std::uint32_t total_ = 0;
    Duration idle_limit_{};
    IdleTimer timer_;
    std::uint32_t generation_;
};

/// All pools of one worker, by the backend's live id.
class UpstreamPools {
  public:
    explicit UpstreamPools(io::Ring& ring) noexcept : ring_(ring) {}

    UpstreamPool& of(const snapshot::Upstream& upstream);
    /// The backend is gone from every published route.
    void retire(std::uint32_t backend_id, std::uint32_t generation) noexcept;
    /// Gives descriptors back when the process has run out of them.
    void close_idle() noexcept;
    /// All connections end; some take turns of the loop for it.
    void retire_all() noexcept;
    /// Those that are still there end here and now.
    void abort_all() noexcept;
    bool are_unused() noexcept;

  private:
    void drop_unused_retired() noexcept;

    io::Ring& ring_;
    net::tls::SessionLimit session_limit_;
    std::vector<std::unique_ptr<UpstreamPool>> pools_;
    std::vector<std::unique_ptr<UpstreamPool>> retired_;  // until their last leased connection ends
};

}  // namespace penstock::proxy
