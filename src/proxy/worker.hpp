// Worker: one thread of the data plane, with its loop, its listeners, its connections and its
// pools.
//
// Workers share nothing but the snapshot, the live state behind it, and the connection limits.
// start(), post(), drain(), abort() and join() are for the thread that owns the worker; everything
// else is its own thread's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "base/intrusive_list.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "io/ring.hpp"
#include "net/tls/server_context.hpp"
#include "proxy/callback_questions.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/connection_limits.hpp"
#include "proxy/hook_calls.hpp"
#include "proxy/password_checks.hpp"
#include "proxy/request_events.hpp"
#include "proxy/request_sampler.hpp"
#include "proxy/settings.hpp"
#include "proxy/tracker.hpp"
#include "proxy/upstream_pool.hpp"
#include "snapshot/live_change.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::proxy {

/// A listening socket, not owned.
struct ClientListener {
    int fd = -1;
    bool is_tls = false;
};

struct WorkerOptions {
    unsigned index = 0;
    std::optional<unsigned> cpu;  // to be pinned to
    io::Engine engine = io::Engine::epoll;
    std::vector<ClientListener> listeners;
    net::tls::TicketSeed tickets;
    snapshot::TellControl tell_control;
    AuthThreads* auth_threads = nullptr;  // outlives its thread; null: no password can be checked
    std::vector<RequestListener> listeners_to_requests{};
};

class Worker final : net::tls::CertificateSource {
  public:
    /// How long a drain waits for a request on an idle connection: its client may have sent it
    /// already.
    static constexpr Duration last_call_time = std::chrono::seconds(1);

    Worker(WorkerOptions options, const Settings& settings, ConnectionLimits& limits,
           snapshot::Publisher& publisher);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    /// Leaves the publisher: not while another thread uses that.
    ~Worker();

    /// Joins the publisher, which no other thread may use meanwhile. Returns when the loop runs, or
    /// could not be made.
    Result<void> start();
    /// Any thread, between start() and join(): runs on the worker's thread at its next turn.
    void post(std::function<void()> action);
    /// The backend is gone from every published route: its kept connections are closed.
    void retire_backend(snapshot::BackendName backend);
    /// Memory runs short: connections that nobody uses are closed, and what is free is given back.
    void relieve();
    /// Begins to accept: once, after start().
    void accept();
    /// Stops accepting, ends connections as they become idle, and the thread after the last. Of the
    /// listeners in `ending`, what the kernel has already connected is served as well; of the
    /// others it is left to whoever listens on them too.
    void drain(std::vector<int> ending);
    /// Ends what drain() still waits for.
    void abort();
    /// False once drain() has been heard: nothing is taken from the listeners any more.
    bool accepting() const noexcept { return accepting_.load(std::memory_order_acquire); }
    bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
    void join();

    io::Ring& ring() noexcept { return *ring_; }
    const Settings& settings() const noexcept { return settings_; }
    snapshot::Reader& snapshots() noexcept { return *snapshots_; }
    UpstreamPools& upstream_pools() noexcept { return *upstream_pools_; }
    PasswordChecks& password_checks() noexcept { return *password_checks_; }
    HookCalls& hook_calls() noexcept { return *hook_calls_; }
    /// Of tokens that take long to verify.
    VerdictCache& known_tokens() noexcept { return known_tokens_; }
    CallbackQuestions& callback_questions() noexcept { return *callback_questions_; }
    /// Told at the end of each request.
    RequestEvents& request_events() noexcept { return request_events_; }
    Tracker& tracker() noexcept { return tracker_; }
    Random& random() noexcept { return random_; }
    std::string_view date() noexcept { return date_.at(ring_->now()); }
    /// Nanoseconds since the Unix epoch at that moment, now or earlier.
    std::int64_t unix_ns(TimePoint moment) noexcept { return wall_.at(moment, ring_->now()); }
    bool draining() const noexcept { return draining_; }
    /// Memory runs short: nothing new is taken.
    bool sheds() const noexcept { return shedding_.is_on(); }
    unsigned index() const noexcept { return options_.index; }
    const snapshot::TellControl& tell_control() const noexcept { return options_.tell_control; }
    /// An exchange begins: memory is in use again.
    void note_exchange() noexcept;

  private:
    struct QuietTimer : io::Timer {
        explicit QuietTimer(Worker& w) noexcept : Timer(&Worker::on_quiet_check), worker(w) {}
        Worker& worker;
    };

    struct LastCallTimer : io::Timer {
        explicit LastCallTimer(Worker& w) noexcept : Timer(&Worker::on_last_call), worker(w) {}
        Worker& worker;
    };

    void run();
    void turn();
    void leave_backends();
    void await_password_checks();
    void leave_hooks();
    Result<void> set_up();
    void begin_drain();
    bool has_drained() const noexcept;
    io::Task<void> accept_from(io::Listener& listener, bool is_tls);
    void accept_backlog(io::Listener& listener, bool is_tls);
    io::Task<void> serve_when_possible(int fd, bool is_tls);
    io::Task<void> serve(int fd, bool is_tls);
    io::Task<bool> welcome(ClientConnection& connection, bool is_tls);
    Found certificates_for(std::string_view server_name) noexcept override;
    std::string_view authentication_of(std::string_view server_name) noexcept override;
    void out_of_resources(int error);
    static void on_quiet_check(io::Timer& timer);
    static void on_last_call(io::Timer& timer);
    void pin() const;

    WorkerOptions options_;
    const Settings& settings_;
    ConnectionLimits& limits_;
    snapshot::Publisher& publisher_;
    const snapshot::Shedding& shedding_;

    std::unique_ptr<io::Ring> ring_;
    snapshot::Reader* snapshots_ = nullptr;
    std::unique_ptr<UpstreamPools> upstream_pools_;
    std::unique_ptr<PasswordChecks> password_checks_;
    std::unique_ptr<HookCalls> hook_calls_;
    std::unique_ptr<CallbackQuestions> callback_questions_;
    VerdictCache known_tokens_;
    std::unique_ptr<net::tls::ServerContext> tls_;  // where it listens for TLS
    std::vector<std::unique_ptr<io::Listener>> listeners_;
    IntrusiveList<ClientConnection> connections_;
    RequestEvents request_events_;
    Tracker tracker_;
    RequestSampler sampler_;
    std::vector<Subscription> listening_;  // to request_events_: tracker_, sampler_, and others
    Random random_;
    HttpDate date_;
    WallClock wall_;
    QuietTimer quiet_timer_{*this};
    LastCallTimer last_call_timer_{*this};
    std::vector<int> ending_listeners_;
    unsigned waiting_for_room_ = 0;  // accepted, while the process has no room
    std::uint64_t exchanges_ = 0;
    std::uint64_t exchanges_at_check_ = 0;
    unsigned acceptors_ = 0;
    bool draining_ = false;
    bool aborted_ = false;

    std::atomic<bool> accepting_{true};
    std::atomic<bool> finished_{false};
    std::thread thread_;
};

}  // namespace penstock::proxy
