// Proxy: the running process: listeners, workers, control thread, and the order in which they start
// and end.
//
// Behind ProxyManager (include/penstock). start() and stop() from one thread at a time; change()
// from any.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <penstock/result.hpp>

#include "app/control_thread.hpp"
#include "app/listeners.hpp"
#include "app/options.hpp"
#include "app/predecessor.hpp"
#include "app/privileges.hpp"
#include "app/watchdog.hpp"
#include "proxy/access_log/access_log.hpp"
#include "proxy/auth_threads.hpp"
#include "proxy/connection_limits.hpp"
#include "proxy/worker.hpp"
#include "snapshot/publisher.hpp"
#include "snapshot/span_queues.hpp"

namespace penstock::app {

/// What the program has around a proxy; an embedded one has none of it.
struct Surroundings {
    Predecessor* predecessor = nullptr;  // whose place this process takes, once it can serve
    control::RequestUpgrade upgrade;     // does what the API asks for
    Duration alive_period{};             // how often `alive` is to be told that all loops turn
    std::function<void()> alive;
};

class Proxy {
  public:
    /// Wrong options come out where errors are asked for: at start().
    explicit Proxy(Result<Options> options);
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;
    ~Proxy();

    Result<void> start(Surroundings surroundings = {});
    void stop(const std::function<bool()>& hurry);
    /// Between start() and stop().
    void reopen_logs();

    // For a process that takes this one's place.
    std::vector<HandedSockets> sockets() const { return listeners_.to_hand_over(); }
    std::vector<int> given_descriptors() const { return listeners_.inherited(); }
    Result<int> lend_store() { return control_.lend_store(); }
    void take_store_back() { control_.take_store_back(); }
    /// It listens on those sockets, too. Returns when nothing is accepted here any more; stop()
    /// waits for what has been.
    void hand_over(const std::vector<std::string>& names);

    Result<void> change(const ControlThread::Change& change);
    std::vector<RouteConfig> routes();
    void on_event(ControlThread::Listener listener) { control_.on_event(std::move(listener)); }
    std::uint16_t port() const noexcept { return listeners_.port(); }
    /// 0: it does not listen for TLS.
    std::uint16_t ssl_port() const noexcept { return listeners_.ssl_port(); }
    std::size_t workers() const noexcept { return workers_.size(); }

  private:
    Result<io::Engine> choose_engine(std::size_t workers) const;
    Result<void> give_files_away();
    std::optional<control::AdminTlsFiles> admin_tls_files() const;
    Result<void> open_files();
    Result<void> open_access_log();
    void export_spans(std::size_t workers);
    std::vector<proxy::RequestListener> listeners_to_requests();
    Result<void> start_workers(io::Engine engine,
                               const std::vector<std::optional<unsigned>>& places);
    void write_pid_file();
    void start_watchdog(Surroundings& surroundings);
    bool begin_drain(const std::function<bool()>& hurry);
    bool stop_accepting(const std::function<bool()>& hurry);
    bool workers_finished() const;

    std::optional<Error> wrong_options_;
    Options options_;
    Listeners listeners_;  // outlive whoever accepts on them
    Watchdog watchdog_;    // its questions lie in the mailboxes of all loops
    std::unique_ptr<proxy::ConnectionLimits> limits_;
    snapshot::Publisher publisher_;
    ControlThread control_;
    std::unique_ptr<proxy::AuthThreads> auth_threads_;  // outlives the workers' threads
    std::unique_ptr<proxy::AccessLog> access_log_;      // outlives the workers; null: off
    std::unique_ptr<snapshot::SpanQueues> spans_;       // the same; null: nothing is traced
    std::vector<std::unique_ptr<proxy::Worker>> workers_;
    PidFile pid_file_;
    TimePoint drain_deadline_ = never;
    bool running_ = false;
    bool draining_ = false;
};

}  // namespace penstock::app
