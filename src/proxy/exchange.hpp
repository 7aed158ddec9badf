// Exchange: one request and its response, from the client's first byte to the last one it gets.
//
// run() is the life of a request, top to bottom, whatever the client's HTTP version. Lives in the
// frame of its client connection's (its stream's) coroutine, on that worker's thread, and holds
// everything it has taken (route, backend connection) until it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/downstream.hpp"
#include "http/h1/writer.hpp"
#include "io/task.hpp"
#include "proxy/admission.hpp"
#include "proxy/attempt.hpp"
#include "proxy/guard.hpp"
#include "proxy/kept_body.hpp"
#include "proxy/own_response.hpp"
#include "proxy/relay.hpp"
#include "proxy/request_identity.hpp"
#include "proxy/retry.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class Worker;

/// What becomes of the client's HTTP/1 connection after an exchange.
enum class AfterExchange : std::uint8_t {
    keep,    // the next request may follow
    close,   // nothing more to say
    linger,  // the client may still be sending: let it read our answer before its bytes meet a
             // closed socket
    reset,   // the response is not whole and nothing in its framing would tell
};

class Exchange final : http::DownstreamWatcher, SourceObserver, GuardObserver {
  public:
    /// `connection`, known as `connection_id`: that `client` is a part of.
    Exchange(Worker& worker, const Peer& peer, ConnectionId& connection_id, net::Stream& connection,
             http::Downstream& client) noexcept;
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange();

    io::Task<AfterExchange> run();

    /// Ends it as soon as its operations let go (drain time-out, client gone).
    void abort(int error) noexcept override;

  private:
    /// The request's phases.
    bool accept_request();
    io::Task<void> forward();
    io::Task<bool> pass_guard();
    io::Task<bool> wait_turn();
    io::Task<void> reach_backend();
    bool choose_upstream() noexcept;
    io::Task<void> try_upstream(const http::h1::HeadBuffer& head);
    io::Task<void> exchange_messages(const http::h1::HeadBuffer& head);
    io::Task<void> send_request(const http::h1::HeadBuffer& head);
    io::Task<void> receive_response();
    io::Task<void> pass_interim();
    io::Task<void> answer();
    io::Task<void> switch_protocols();
    io::Task<void> refuse(const OwnResponse& response);
    io::Task<bool> drain_request_body();
    AfterExchange conclude() noexcept;

    http::BodyPiece next_piece() const noexcept;
    void request_relayed(const Relayed& relayed) noexcept;
    void response_failed(const http::ReadResult& read) noexcept;
    void attempt_failed(AttemptFailure failure, int error, const OwnResponse& answer) noexcept;
    bool may_repeat() const noexcept;
    bool take_retry() noexcept;
    void start_over() noexcept;
    void stop_sending() noexcept;
    void client_left() noexcept;
    void end_backend_work() noexcept;
    void tell_ended() noexcept;
    snapshot::RequestRecord record() const noexcept;
    void tell_details(const snapshot::RequestRecord& record) noexcept;
    snapshot::ErrorKind error_kind() const noexcept;
    bool may_keep_client() const noexcept;
    bool is_secured() const noexcept;
    bool is_misdirected() const noexcept;
    bool wants_https() const noexcept;
    void redirect_to_https();
    void fail(const OwnResponse& failure) noexcept;
    void unreadable(const http::ReadResult& read) noexcept;
    void await_response_from_now() noexcept;
    Duration connect_limit() const noexcept;
    Duration response_limit() const noexcept;

    void on_client_change() noexcept override;
    void on_source_end() noexcept override;
    void on_guard_waits() noexcept override;
    void on_guard_goes_on() noexcept override;
    static void on_timeout(io::Timer& timer);

    struct RouteTimer : io::Timer {
        explicit RouteTimer(Exchange& e) noexcept : Timer(&Exchange::on_timeout), exchange(e) {}
        Exchange& exchange;
    };

    Worker& worker_;
    ConnectionId& connection_id_;
    net::Stream& connection_;  // the client's
    http::Downstream& client_;
    http::RequestHead request_;
    RequestIdentity identity_;
    http::BodyPiece first_piece_;  // what of the body came with the head
    const snapshot::Route* route_ = nullptr;
    std::string_view upgrade_;  // what the backend is asked to switch to

    Guard* guard_ = nullptr;                  // while it is asked
    std::shared_ptr<const HookAnswer> hook_;  // what it has been told
    Admission admission_;
    Retries retries_;
    std::optional<Attempt> attempt_;  // the present one, or the last
    KeptBody kept_;
    http::ResponseHead response_;

    std::string location_;                // of a redirect
    std::optional<OwnResponse> failure_;  // to be answered, unless the response has begun
    RouteTimer route_timer_{*this};
    TimePoint started_{};     // the head was there
    TimePoint dispatched_{};  // a backend was picked for the first time
    std::optional<Duration> queued_for_;
    std::uint64_t bytes_out_ = 0;          // of bodies, to the client
    std::uint16_t status_ = 0;             // that the client was sent
    TimePoint response_deadline_ = never;  // set once the request has been sent
    int abort_error_ = 0;                  // why the exchange was ended from outside
    bool request_readable_ = false;        // the client's bytes have made sense so far
    bool client_gone_ = false;             // nothing can be delivered any more
    bool request_sent_ = false;            // wholly
    bool sending_stopped_ = false;         // what is left of the request is of no use
    bool backend_spoke_ = false;           // a byte of a response has come
    bool response_read_ = false;           // from the backend, to its end
    bool final_head_read_ = false;         // the final response's head has come
    bool response_started_ = false;        // its bytes may have reached the client
    bool response_whole_ = false;          // delivered to its end
    bool client_keeps_ = false;            // what we told the client about its connection
    bool chunked_to_client_ = false;
};

}  // namespace penstock::proxy
