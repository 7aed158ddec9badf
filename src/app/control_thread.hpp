// ControlThread: the one thread that owns the configuration: the REST API, the store, publishing
// and reclaiming.
//
// start(), call() and stop() are for other threads; everything else happens on its own loop.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <penstock/config.hpp>
#include <penstock/result.hpp>

#include "control/api.hpp"
#include "control/api_server.hpp"
#include "control/configuration.hpp"
#include "control/epoch_wait.hpp"
#include "control/store/memory.hpp"
#include "io/ring.hpp"
#include "snapshot/live_change.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::app {

struct ControlOptions {
    io::Engine engine = io::Engine::epoll;
    int admin_listener = -1;  // not owned; -1: no REST API
    std::vector<std::string> admin_hosts;
    std::optional<std::string> config_file;
};

class ControlThread {
  public:
    explicit ControlThread(snapshot::Publisher& publisher) : publisher_(publisher) {}
    ControlThread(const ControlThread&) = delete;
    ControlThread& operator=(const ControlThread&) = delete;
    ~ControlThread();

    /// Returns when the loop runs and the configuration has been published, or with what is wrong.
    /// The API answers, and says that it is ready, from serve() on.
    Result<void> start(const ControlOptions& options);
    void serve();
    /// /readyz says no from now on.
    void stop_taking_traffic();
    void stop();

    /// For workers: reports of what has become of backends, from any thread after start().
    snapshot::TellControl listener();

    /// Runs `change` on the control thread and waits until its outcome is seen by every worker.
    using Change = std::function<control::Configuration::Outcome(control::Configuration&)>;
    Result<void> call(const Change& change);
    /// A copy of the routes in force.
    std::vector<RouteConfig> routes();

  private:
    Result<void> set_up(const ControlOptions& options);
    void run();
    io::Task<void> apply(const Change& change, std::promise<Result<void>>& promise);
    io::Task<void> reclaim_now_and_then();
    void on_live_change(const snapshot::LiveChange& change);

    snapshot::Publisher& publisher_;
    control::MemoryStore store_;
    std::unique_ptr<control::Configuration> configuration_;
    std::unique_ptr<io::Ring> ring_;
    std::unique_ptr<control::EpochWait> epochs_;
    std::unique_ptr<control::Api> api_;
    std::unique_ptr<control::ApiServer> api_server_;
    std::thread thread_;
    unsigned calls_ = 0;
    bool stopping_ = false;
    bool reclaiming_ = false;
};

}  // namespace penstock::app
