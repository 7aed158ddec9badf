// ControlThread: the one thread that owns the configuration: the REST API, the store, publishing
// and reclaiming.
//
// start(), call() and stop() are for other threads; everything else happens on its own loop.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <penstock/config.hpp>
#include <penstock/events.hpp>
#include <penstock/result.hpp>

#include "control/admin_tls.hpp"
#include "control/api.hpp"
#include "control/api_server.hpp"
#include "control/configuration.hpp"
#include "control/epoch_wait.hpp"
#include "control/event_bus.hpp"
#include "control/event_feed.hpp"
#include "control/event_log.hpp"
#include "control/health_prober.hpp"
#include "control/key_fetcher.hpp"
#include "control/memory_use.hpp"
#include "control/memory_watch.hpp"
#include "control/metrics/metrics.hpp"
#include "control/names.hpp"
#include "control/node_state.hpp"
#include "control/store/store.hpp"
#include "control/trace_exporter.hpp"
#include "io/ring.hpp"
#include "net/resolver.hpp"
#include "snapshot/live_change.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::app {

struct ControlOptions {
    io::Engine engine = io::Engine::epoll;
    int admin_listener = -1;  // not owned; -1: no REST API
    std::vector<std::string> admin_hosts;
    std::optional<std::string> admin_token_file;
    std::optional<control::AdminTlsFiles> admin_tls;
    control::OwnAddresses own_addresses;  // where no backend may be
    std::string store = "memory:";        // a URL: control/store/open
    int store_content = -1;               // not owned; of a predecessor's in memory
    control::RequestUpgrade upgrade;      // empty: it cannot be asked for
    std::optional<std::string> config_file;
    bool config_always = false;
    std::vector<net::Address> resolvers;      // none: those of resolv.conf
    std::optional<std::uint64_t> max_memory;  // empty: what there is; 0: no bound
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
    /// The store is another process's from now on, and the API takes no further connection, until
    /// take_store_back(). Gives what Store::lend() does.
    Result<int> lend_store();
    void take_store_back();
    /// The API has ended for good: another process answers in its place. What is being done is
    /// still answered.
    void leave_api();
    /// Between start() and serve(): where the spans of `queues` go from serve() on, as those of
    /// `node`. `queues` outlives stop().
    void export_spans(const std::string& url, const std::string& node,
                      snapshot::SpanQueues& queues);
    /// /readyz says no from now on.
    void stop_taking_traffic();
    void stop();

    /// After start().
    io::Mailbox& mailbox() noexcept { return ring_->mailbox(); }

    /// What the store keeps for this process; to be read between start() and serve().
    const control::NodeState& node() const noexcept { return node_; }

    /// Called on the control thread, once a second while memory runs short. Before serve().
    void on_memory_short(std::function<void()> relieve) { relieve_ = std::move(relieve); }

    /// For workers: reports of what has become of backends, from any thread after start().
    snapshot::TellControl listener();

    /// Runs `change` on the control thread and waits until its outcome is seen by every worker.
    using Change = std::function<control::Configuration::Outcome(control::Configuration&)>;
    Result<void> call(const Change& change);
    /// A copy of the routes in force.
    std::vector<RouteConfig> routes();

    /// Calls `listener` on the control thread for each event from now on, until the end. Before
    /// start(), after stop() or from any thread between.
    using Listener = std::function<void(const Event&)>;
    void on_event(Listener listener);

  private:
    /// Of the stored ticket keys: once a period.
    struct Renewal : io::Timer {
        explicit Renewal(ControlThread& t) noexcept : Timer(&due), thread(t) {}
        static void due(io::Timer& timer);
        ControlThread& thread;
    };

    Result<void> set_up(const ControlOptions& options);
    void set_up_names(const ControlOptions& options);
    void set_up_memory_watch(const ControlOptions& options);
    Result<void> set_up_store(const ControlOptions& options);
    Result<void> set_up_api(const ControlOptions& options);
    Result<void> load(const ControlOptions& options);
    void renew_tickets();
    void on_own_thread(std::function<void()> action);
    io::Task<void> look_up_names(bool& done);
    void take_answer(const std::string& name, const net::NameAnswer& answer);
    void run();
    bool has_ended() const noexcept;
    bool is_own_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }
    std::vector<RouteConfig> copy_of_routes() const;
    void listen(Listener listener);
    io::Task<void> apply(const Change& change, std::promise<Result<void>>& promise);
    io::Task<void> reclaim_now_and_then();
    void start_probing();
    void start_fetching_keys();
    void on_live_change(const snapshot::LiveChange& change);
    void on_revived(const control::Configuration::PublishedBackend& backend);
    void on_route_published(const RouteConfig& config, const snapshot::Route& route);
    void republish_changed();

    snapshot::Publisher& publisher_;
    control::ControlEvents events_;
    control::EventLog event_log_{events_};
    std::vector<std::vector<Subscription>> listeners_;
    std::unique_ptr<control::Store> store_;
    control::NodeState node_;
    std::unique_ptr<io::Ring> ring_;
    Renewal renewal_{*this};
    std::unique_ptr<control::Names> names_;
    std::unique_ptr<net::Resolver> resolver_;
    std::unique_ptr<control::Configuration> configuration_;
    std::unique_ptr<control::EpochWait> epochs_;
    std::unique_ptr<control::AdminTls> admin_tls_;
    std::unique_ptr<control::EventFeed> event_feed_;
    std::unique_ptr<control::Metrics> metrics_;
    std::unique_ptr<control::Api> api_;
    std::unique_ptr<control::ApiServer> api_server_;
    std::unique_ptr<control::HealthProber> prober_;
    std::unique_ptr<control::KeyFetcher> key_fetcher_;
    std::unique_ptr<control::TraceExporter> exporter_;  // null: nothing is traced
    /// The vHosts of routes whose backends have died or come back in this turn: one publication
    /// each.
    std::set<std::string> changed_;
    std::unique_ptr<control::MemoryUse> memory_use_;
    std::unique_ptr<control::MemoryWatch> memory_watch_;
    std::function<void()> relieve_;
    std::thread thread_;
    /// Answers to lookups that came while workers were being started: nothing is published then.
    std::vector<std::pair<std::string, net::NameAnswer>> early_answers_;
    unsigned calls_ = 0;
    bool starting_workers_ = false;
    bool stopping_ = false;
    bool store_lent_ = false;
    bool reclaiming_ = false;
};

}  // namespace penstock::app
