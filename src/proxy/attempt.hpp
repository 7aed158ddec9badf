// Attempt: one try at bringing a request to one backend: its connection, and what the policies
// learn from how it went.
//
// Lives in its Exchange, on that worker's thread. Whoever makes it has picked the upstream and
// taken its circuit's permission. Ends with its connection given back to the pool, or reset.
#pragma once

#include <cstdint>
#include <optional>

#include "http/h1/h1_upstream.hpp"
#include "http/h2/client_stream.hpp"
#include "io/task.hpp"
#include "proxy/own_response.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "snapshot/request_record.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class Worker;

/// How an attempt failed: what the policies make of it, and whether another may follow.
enum class AttemptFailure : std::uint8_t {
    none,
    no_resources,   // descriptors, memory or ports of our own: no backend's fault
    not_connected,  // nothing was sent
    broken_off,     // closed or reset before the response's head was whole
    timed_out,      // no response in time
    unprocessed,    // the backend says that it has not looked at the request
    malformed,      // an answer that is not HTTP, or not one to this request
};

class Attempt {
  public:
    /// `admitted`: by the upstream's circuit.
    Attempt(Worker& worker, const snapshot::Route& route, const snapshot::Upstream& upstream,
            snapshot::CircuitBreaker::Admitted admitted) noexcept;
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt();

    /// A connection to the backend: a kept one, or a new one where there is none or `fresh` wants
    /// it, its TLS handshake included. 0, or the errno of the failure; EPROTO of TLS's. A backend
    /// that wants the PROXY protocol is told of the client, whose connection is `client_fd`.
    io::Task<int> reach(bool fresh, Duration limit, RequestIdentity& client, int client_fd);
    /// What the client is told of a failure with this errno.
    OwnResponse answer_to(int error) const noexcept;
    bool is_connected() const noexcept {
        return connection_ != nullptr || (multiplexed_ && !multiplexed_->has_left());
    }
    http::Upstream& backend() noexcept { return *backend_; }
    const snapshot::Upstream& upstream() const noexcept { return upstream_; }

    /// Ends what waits on the connection, also while it is being made.
    void interrupt(int error) noexcept;

    /// A head has come: whatever follows, the connection had not been closed before.
    void spoke() noexcept { was_proven_ = false; }
    /// The head of the final response has come.
    void answered(unsigned status) noexcept;
    /// The response is whole.
    void succeeded() noexcept;
    /// The protocol has been switched.
    void switched() noexcept;
    /// The request has been sent, with so many bytes of body.
    void sent(std::uint64_t bytes) noexcept;
    /// What has passed since the protocol was switched.
    void count(const TunnelTraffic& traffic) noexcept;
    /// It was the backend's fault that no response came. `error`: the errno, where there is one.
    /// `request_whole`: its client had sent all of it. Where not, one that closes may only have
    /// waited for too long: slow uploads must not take healthy backends out of use.
    void failed(AttemptFailure failure, int error, snapshot::ErrorKind kind,
                bool request_whole) noexcept;
    /// The backend's response did not come whole, or made no sense after its head.
    void failed_midway(snapshot::ErrorKind kind) noexcept;
    AttemptFailure failure() const noexcept { return failure_; }
    /// The backend had closed a kept connection just as we took it: no fault, and the same backend
    /// may be asked again on a new one.
    bool is_stale() const noexcept;
    /// As if it had not been tried: the same backend is asked again.
    void forget_failure() noexcept;

    /// The backend's work is over: its response has been read to its end. The connection is kept
    /// for another request where it is fit for that.
    void finish(bool keep_alive) noexcept;
    /// The backend may still be working: its connection has been reset when this returns.
    void drop() noexcept;
    /// The attempt is over for those who count; the reader may still be read from.
    void end() noexcept;

    /// What it has taken so far.
    const snapshot::AttemptRecord& record() const noexcept { return record_; }

  private:
    io::Task<int> reach_serial(bool fresh, TimePoint deadline, RequestIdentity& client,
                               int client_fd);
    io::Task<int> reach_multiplexed(bool fresh, TimePoint deadline);
    io::Task<int> open(TimePoint deadline);
    io::Task<int> announce(RequestIdentity& client, int client_fd, TimePoint deadline);
    TlsFailure tls_failure(int error) const noexcept;
    /// Its connections may carry requests of any client.
    bool is_shareable() const noexcept { return upstream_.proxy_protocol == 0; }
    void record_error() noexcept;
    void tell(snapshot::CircuitBreaker::Change change) const noexcept;

    Worker& worker_;
    const snapshot::Route& route_;
    const snapshot::Upstream& upstream_;
    UpstreamPool& pool_;
    UpstreamConnection* connection_ = nullptr;
    TlsFailure tls_failure_;  // of the handshake
    std::optional<http::h1::H1Upstream> serial_;
    std::optional<http::h2::ClientStream> multiplexed_;
    http::Upstream* backend_ = nullptr;           // of them the one that is there
    UpstreamSession::Waiter* waiting_ = nullptr;  // for a connection that is being made
    bool was_proven_ = false;                     // the connection had carried a response before
    snapshot::AttemptRecord record_;
    TimePoint sent_;  // from when on the backend can be blamed for waiting
    AttemptFailure failure_ = AttemptFailure::none;
    bool counts_as_error_ = false;  // with the circuit, already
    bool ended_ = false;
    bool is_trial_;  // of the circuit, and not decided yet
};

}  // namespace penstock::proxy
