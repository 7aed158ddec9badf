#include "app/proxy.hpp"

#include <algorithm>
#include <string>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "app/cpus.hpp"
#include "base/log.hpp"
#include "control/store/open.hpp"
#include "proxy/span_recorder.hpp"

namespace penstock::app {

namespace {

/// How often a stop looks whether the workers have finished.
constexpr auto stop_poll = std::chrono::milliseconds(5);
/// How long connections that have begun when a drain begins may take to come about: a round trip to
/// most clients.
constexpr auto arrival_time = std::chrono::milliseconds(200);

/// The control thread writes to disks and compiles 100,000 routes in one turn: it has so many times
/// the time of a worker, which does neither.
constexpr int control_patience = 30;

/// True where it was ended by `hurry`, which says so once.
template <class Done>
bool wait_until(TimePoint deadline, const std::function<bool()>& hurry, Done&& done) {
    while (!done() && Clock::now() < deadline) {
        if (hurry && hurry()) return true;
        std::this_thread::sleep_for(stop_poll);
    }
    return false;
}

Result<Confined> confine_as_told(const Options& options, io::Engine engine) {
    if (options.confine == nullptr) return Confined();
    return options.confine(options, engine);
}

/// Once it serves: a start that comes to nothing has one line to say.
void tell(const Confined& confined) {
    if (confined.files.empty()) return;
    log(confined.is_whole ? LogLevel::info : LogLevel::warn, "confined",
        {{"files", std::string_view(confined.files)},
         {"systemCalls", std::string_view(confined.system_calls)}});
}

}  // namespace

Proxy::Proxy(Result<Options> options) : control_(publisher_) {
    if (options)
        options_ = std::move(*options);
    else
        wrong_options_ = options.error();
}

Proxy::~Proxy() {
    if (running_) stop([] { return true; });
}

Result<void> Proxy::start(Surroundings surroundings) {
    Predecessor* const predecessor = surroundings.predecessor;
    if (wrong_options_) return Failure{*wrong_options_};
    ::signal(SIGPIPE, SIG_IGN);  // a peer that closes early is an errno, not an end
    const auto places = place_workers(options_);
    const auto engine = choose_engine(places.size());
    if (!engine) return Failure{engine.error()};
    const std::uint64_t files = raise_file_limit();
    options_.proxy.max_connections =
        options_.max_connections.value_or(default_max_connections(files));
    limits_ = std::make_unique<proxy::ConnectionLimits>(options_.proxy.max_connections,
                                                        options_.proxy.max_per_address);
    std::vector<HandedSockets> handed;
    if (predecessor != nullptr) handed = predecessor->take_sockets();
    if (auto bound = listeners_.bind(options_, places.size(), std::move(handed)); !bound)
        return bound;
    if (listeners_.ssl_port() != 0) options_.proxy.https_public_port = listeners_.ssl_port();
    if (options_.https_public_port) options_.proxy.https_public_port = *options_.https_public_port;
    publisher_.expect_workers(static_cast<unsigned>(places.size()));
    if (auto opened = open_files(); !opened) return opened;
    // Where root becomes somebody else, the configuration file is read and the store opened, like
    // the sockets bound, with the rights that the process was started with.
    const bool drops_late = turns_from_root(options_.user);
    const auto drop = [this] { return drop_privileges(options_.user, options_.group); };
    if (!drops_late) {
        if (auto dropped = drop(); !dropped) return dropped;
    }
    const auto confined = confine_as_told(options_, *engine);
    if (!confined) return Failure{confined.error()};
    const ControlOptions control{
        .engine = *engine,
        .admin_listener = listeners_.admin(),
        .admin_hosts = options_.admin_hosts,
        .admin_token_file = options_.admin_token_file,
        .admin_tls = admin_tls_files(),
        .own_addresses = control::OwnAddresses(listeners_.addresses()),
        .store = options_.store,
        .store_content = predecessor != nullptr ? predecessor->memory_store() : -1,
        .upgrade = std::move(surroundings.upgrade),
        .config_file = options_.config_file,
        .config_always = options_.config_always,
        .resolvers = options_.resolvers,
        .max_memory = options_.max_memory};
    if (auto started = control_.start(control); !started) return started;
    running_ = true;
    if (options_.proxy.node_name.empty())
        options_.proxy.node_name = "penstock-" + control_.node().id;
    if (!options_.otlp.empty()) export_spans(places.size());
    if (drops_late) {
        if (auto given = give_files_away(); !given) return given;
        if (auto dropped = drop(); !dropped) return dropped;
    }
    if (auto started = start_workers(*engine, places); !started) return started;
    if (predecessor != nullptr) {
        for (const std::string& name : listeners_.taken_over()) predecessor->takes(name);
        predecessor->ready();
        listeners_.own_all();
    }
    for (auto& worker : workers_) worker->accept();
    write_pid_file();
    control_.serve();
    start_watchdog(surroundings);
    tell(*confined);
    log(LogLevel::info, "serving",
        {{"workers", workers_.size()},
         {"engine", *engine == io::Engine::uring ? "uring" : "epoll"}});
    return {};
}

/// What root has made, the user that the process becomes has to have: a new process would be that
/// user from its start (an upgrade).
Result<void> Proxy::give_files_away() {
    const auto account = find_account(options_.user, options_.group);
    if (!account) return Failure{account.error()};
    pid_file_.give_to(account->user, account->group);
    if (access_log_ != nullptr) access_log_->give_to(account->user, account->group);
    control::give_store_to(options_.store, account->user, account->group);
    return {};
}

/// With the rights that the process was started with.
Result<void> Proxy::open_files() {
    if (options_.pid_file) {
        if (auto opened = pid_file_.open(*options_.pid_file); !opened) return opened;
    }
    return open_access_log();
}

Result<void> Proxy::open_access_log() {
    if (options_.access_log.target.empty()) return {};
    proxy::AccessLogOptions wanted = options_.access_log;
    const bool is_terminal = wanted.target == "-" && ::isatty(STDOUT_FILENO) == 1;
    wanted.format = options_.log_format.value_or(is_terminal ? LogFormat::text : LogFormat::json);
    auto opened = proxy::AccessLog::open(wanted, publisher_.totals());
    if (!opened) return Failure{opened.error()};
    access_log_ = std::move(*opened);
    return {};
}

void Proxy::export_spans(std::size_t workers) {
    spans_ = std::make_unique<snapshot::SpanQueues>(static_cast<unsigned>(workers));
    control_.export_spans(options_.otlp, options_.proxy.node_name, *spans_);
}

void Proxy::reopen_logs() {
    if (access_log_ != nullptr) access_log_->reopen();
}

std::optional<control::AdminTlsFiles> Proxy::admin_tls_files() const {
    if (!options_.admin_cert) return std::nullopt;
    return control::AdminTlsFiles{.cert = *options_.admin_cert,
                                  .key = options_.admin_key.value_or(""),
                                  .client_ca = options_.admin_client_ca.value_or("")};
}

Result<io::Engine> Proxy::choose_engine(std::size_t workers) const {
    if (options_.engine == EngineChoice::epoll) return io::Engine::epoll;
    raise_locked_memory_limit();
    const auto probed = io::probe_uring(workers + 1);  // and the control thread's
    if (probed) return io::Engine::uring;
    if (options_.engine == EngineChoice::uring) {
        return Failure{Error{"--io uring: " + probed.error().message}};
    }
    log(LogLevel::warn, "io_uring cannot be used, epoll is", {{"reason", probed.error().message}});
    return io::Engine::epoll;
}

// --- threads ---

Result<void> Proxy::start_workers(io::Engine engine,
                                  const std::vector<std::optional<unsigned>>& places) {
    // Called on the control thread, which takes nothing that could retire a backend before serve().
    publisher_.on_backend_gone([this](snapshot::BackendName backend) {
        for (auto& worker : workers_) worker->retire_backend(backend);
    });
    control_.on_memory_short([this] {
        for (auto& worker : workers_) worker->relieve();
    });
    auth_threads_ = std::make_unique<proxy::AuthThreads>(options_.auth_threads);
    const net::tls::TicketSeed& tickets = control_.node().tickets;
    for (std::size_t i = 0; i < places.size(); ++i) {
        workers_.push_back(std::make_unique<proxy::Worker>(
            proxy::WorkerOptions{.index = static_cast<unsigned>(i),
                                 .cpu = places[i],
                                 .engine = engine,
                                 .listeners = listeners_.of_worker(i),
                                 .tickets = tickets,
                                 .tell_control = control_.listener(),
                                 .auth_threads = auth_threads_.get(),
                                 .listeners_to_requests = listeners_to_requests()},
            options_.proxy, *limits_, publisher_));
        if (auto started = workers_.back()->start(); !started) {
            workers_.pop_back();
            return started;
        }
    }
    if (access_log_ != nullptr) access_log_->start();
    return {};
}

void Proxy::write_pid_file() {
    if (const auto written = pid_file_.write(); !written) {
        log(LogLevel::warn, "the pid file could not be written",
            {{"reason", std::string_view(written.error().message)}});
    }
}

void Proxy::start_watchdog(Surroundings& surroundings) {
    for (auto& worker : workers_) {
        watchdog_.watch("worker " + std::to_string(worker->index()), worker->ring().mailbox(),
                        options_.watchdog, [&worker = *worker] { return worker.finished(); });
    }
    watchdog_.watch("the control thread", control_.mailbox(), options_.watchdog * control_patience,
                    [] { return false; });
    if (surroundings.alive)
        watchdog_.tell_alive(surroundings.alive_period, std::move(surroundings.alive));
    watchdog_.on_stuck([](const Watchdog::Stuck& stuck) { abort_with_stack(stuck); });
    if (options_.watchdog.count() > 0) prepare_stacks();
    watchdog_.start();
}

std::vector<proxy::RequestListener> Proxy::listeners_to_requests() {
    std::vector<proxy::RequestListener> listeners;
    if (access_log_ != nullptr) {
        listeners.emplace_back(
            [log = access_log_.get()](proxy::RequestEvents& events, unsigned worker) {
                return log->listen(events, worker);
            });
    }
    if (spans_ != nullptr) listeners.push_back(proxy::record_spans(*spans_, publisher_.totals()));
    return listeners;
}

bool Proxy::workers_finished() const {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](const auto& worker) { return worker->finished(); });
}

/// Nobody is refused whom the kernel has let in, or is about to. True where it was hurried.
bool Proxy::stop_accepting(const std::function<bool()>& hurry) {
    const std::vector<int> ending = listeners_.close_doors();
    const TimePoint doors_closed =
        Clock::now() + (ending.empty() ? Duration::zero() : arrival_time);
    const bool hurried = wait_until(doors_closed, hurry, [] { return false; });
    for (auto& worker : workers_) worker->drain(ending);
    wait_until(drain_deadline_, nullptr, [this] {
        return std::none_of(workers_.begin(), workers_.end(),
                            [](const auto& worker) { return worker->accepting(); });
    });
    listeners_.end_clients();
    return hurried;
}

bool Proxy::begin_drain(const std::function<bool()>& hurry) {
    draining_ = true;
    drain_deadline_ = Clock::now() + options_.drain_timeout;
    control_.stop_taking_traffic();
    return stop_accepting(hurry);
}

void Proxy::hand_over(const std::vector<std::string>& names) {
    listeners_.leave_to_successor(names);
    control_.leave_api();
    begin_drain([] { return true; });
}

void Proxy::stop(const std::function<bool()>& hurry) {
    if (!running_) return;
    running_ = false;
    const bool hurried = !draining_ && begin_drain(hurry);
    if (!hurried) wait_until(drain_deadline_, hurry, [this] { return workers_finished(); });
    for (auto& worker : workers_) worker->abort();
    for (auto& worker : workers_) worker->join();
    watchdog_.stop();
    control_.stop();
    auth_threads_.reset();  // what they have judged goes into the workers' mailboxes
    workers_.clear();
    access_log_.reset();
    listeners_.end_admin();
}

// --- changes ---

Result<void> Proxy::change(const ControlThread::Change& change) {
    if (!running_) return Failure{Error{"the proxy is not running"}};
    return control_.call(change);
}

std::vector<RouteConfig> Proxy::routes() {
    return running_ ? control_.routes() : std::vector<RouteConfig>{};
}

}  // namespace penstock::app
