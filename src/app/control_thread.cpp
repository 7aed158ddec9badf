#include "app/control_thread.hpp"

#include <exception>
#include <future>
#include <utility>

#include <pthread.h>

#include "app/options.hpp"
#include "app/penstock_version.hpp"
#include "base/log.hpp"
#include "control/config_file.hpp"
#include "control/store/open.hpp"
#include "snapshot/eligible.hpp"

namespace penstock::app {

namespace {

/// How often Routes that long requests hold are looked at again, as long as there are any.
constexpr Duration reclaim_period = std::chrono::milliseconds(100);

std::string describe(const control::Refusal& refusal) {
    std::string text = refusal.detail;
    for (const auto& error : refusal.errors) {
        if (!text.empty()) text += "; ";
        text += error.pointer + ": " + error.detail;
    }
    return text;
}

/// What a listener throws ends here: the proxy goes on.
void tell(const ControlThread::Listener& listener, const Event& event) {
    const auto complain = [&event](std::string_view what) {
        log(LogLevel::error, "an event's callback failed",
            {{"event", name_of(event)}, {"reason", what}});
    };
    try {
        listener(event);
    } catch (const std::exception& error) {
        complain(error.what());
    } catch (...) {
        complain("it threw what is no std::exception");
    }
}

}  // namespace

ControlThread::~ControlThread() {
    stop();
}

// --- other threads ---

Result<void> ControlThread::start(const ControlOptions& options) {
    std::promise<Result<void>> started;
    auto result_of_start = started.get_future();
    thread_ = std::thread([&] {
        ::pthread_setname_np(::pthread_self(), "penstock-ctl");
        auto outcome = set_up(options);
        const bool runs = outcome.has_value();
        started.set_value(std::move(outcome));
        if (runs) run();
        resolver_.reset();  // its thread posts to our mailbox
    });
    auto result = result_of_start.get();
    if (!result) stop();
    return result;
}

void ControlThread::serve() {
    ring_->mailbox().post([this] {
        starting_workers_ = false;
        for (const auto& [name, answer] : std::exchange(early_answers_, {}))
            take_answer(name, answer);
        memory_watch_->start();
        if (api_server_ != nullptr) api_server_->start();
        if (api_ != nullptr) api_->set_ready(true);
    });
}

/// Returns when it has been done.
void ControlThread::on_own_thread(std::function<void()> action) {
    std::promise<void> done;
    ring_->mailbox().post([&] {
        action();
        done.set_value();
    });
    done.get_future().wait();
}

Result<int> ControlThread::lend_store() {
    Result<int> lent = -1;
    on_own_thread([&] {
        store_lent_ = true;
        if (api_ != nullptr) api_->set_lent(true);
        if (api_server_ != nullptr) api_server_->pause();
        lent = store_->lend();
    });
    return lent;
}

void ControlThread::take_store_back() {
    on_own_thread([this] {
        store_lent_ = false;
        if (const auto back = store_->take_back(); !back) {
            log(LogLevel::error, "the store could not be taken back, the next change tries again",
                {{"reason", std::string_view(back.error().message)}});
        }
        if (api_ != nullptr) api_->set_lent(false);
        if (api_server_ != nullptr) api_server_->resume();
    });
}

void ControlThread::leave_api() {
    on_own_thread([this] {
        if (api_server_ != nullptr) api_server_->stop();
    });
}

void ControlThread::export_spans(const std::string& url, const std::string& node,
                                 snapshot::SpanQueues& queues) {
    ring_->mailbox().post([this, url, node, &queues] {
        exporter_ = std::make_unique<control::TraceExporter>(*ring_, *names_, url, node, queues,
                                                             publisher_.totals());
        exporter_->start();
    });
}

void ControlThread::stop_taking_traffic() {
    ring_->mailbox().post([this] {
        if (api_ == nullptr) return;
        api_->set_ready(false);
        event_feed_->end_streams();
    });
}

void ControlThread::stop() {
    if (!thread_.joinable()) return;
    if (ring_ != nullptr) {
        ring_->mailbox().post([this] {
            stopping_ = true;
            epochs_->release();
            names_->release();
            if (event_feed_ != nullptr) event_feed_->close();
            if (api_server_ != nullptr) api_server_->stop();
            prober_->stop();
            key_fetcher_->stop();
            if (exporter_ != nullptr) exporter_->stop();
        });
    }
    thread_.join();
}

snapshot::TellControl ControlThread::listener() {
    return [this](const snapshot::LiveChange& change) {
        ring_->mailbox().post([this, change] { on_live_change(change); });
    };
}

Result<void> ControlThread::call(const Change& change) {
    if (is_own_thread()) {
        return Failure{Error{"routes cannot be changed from within an event's callback"}};
    }
    std::promise<Result<void>> promise;
    auto outcome = promise.get_future();
    ring_->mailbox().post([&] { io::spawn(apply(change, promise)); });
    return outcome.get();
}

std::vector<RouteConfig> ControlThread::routes() {
    if (is_own_thread()) return copy_of_routes();
    std::promise<std::vector<RouteConfig>> promise;
    auto outcome = promise.get_future();
    ring_->mailbox().post([&] { promise.set_value(copy_of_routes()); });
    return outcome.get();
}

void ControlThread::on_event(Listener listener) {
    if (!thread_.joinable() || is_own_thread()) return listen(std::move(listener));
    std::promise<void> promise;
    auto done = promise.get_future();
    ring_->mailbox().post([&] {
        listen(std::move(listener));
        promise.set_value();
    });
    done.get();
}

// --- the control thread ---

Result<void> ControlThread::set_up(const ControlOptions& options) {
    auto ring = io::Ring::create(options.engine);
    if (!ring) return Failure{ring.error()};
    ring_ = std::move(*ring);
    if (auto store = set_up_store(options); !store) return store;
    set_up_names(options);
    configuration_ =
        std::make_unique<control::Configuration>(*store_, publisher_, events_, *names_);
    configuration_->keep_clear_of(options.own_addresses);
    configuration_->check_process_by(&check_process);
    if (auto loaded = load(options); !loaded) return loaded;
    epochs_ = std::make_unique<control::EpochWait>(*ring_, publisher_);
    start_probing();
    start_fetching_keys();
    publisher_.on_progress([this] { ring_->mailbox().post([this] { epochs_->workers_moved(); }); });
    set_up_memory_watch(options);
    if (options.admin_listener >= 0) {
        if (auto api = set_up_api(options); !api) return api;
    }
    starting_workers_ = true;
    return {};
}

void ControlThread::set_up_memory_watch(const ControlOptions& options) {
    const control::MemoryBound bound = control::memory_bound(options.max_memory);
    memory_use_ = std::make_unique<control::MemoryUse>(bound);
    memory_watch_ = std::make_unique<control::MemoryWatch>(
        *ring_, bound.bytes, publisher_.totals(), [this] { return memory_use_->read(); },
        [this] {
            if (relieve_) relieve_();
        });
}

Result<void> ControlThread::set_up_api(const ControlOptions& options) {
    ring_->buffers().cleanse_after_use();  // tokens and keys pass through them
    std::optional<control::TokenFile> tokens;
    if (options.admin_token_file) {
        const std::string& path = *options.admin_token_file;
        auto opened = control::TokenFile::open(path);
        if (!opened)
            return Failure{Error{"--admin-token-file " + path + ": " + opened.error().message}};
        tokens = std::move(*opened);
    }
    if (options.admin_tls) {
        auto tls = control::AdminTls::open(*options.admin_tls);
        if (!tls) return Failure{tls.error()};
        admin_tls_ = std::move(*tls);
    }
    event_feed_ = std::make_unique<control::EventFeed>(*ring_, events_, publisher_);
    metrics_ = std::make_unique<control::Metrics>(
        *ring_, *configuration_, events_,
        control::BuildInfo{.version = PENSTOCK_VERSION,
                           .commit = PENSTOCK_COMMIT,
                           .engine = options.engine == io::Engine::uring ? "uring" : "epoll"});
    api_ = std::make_unique<control::Api>(*configuration_, *event_feed_, *metrics_,
                                          control::AccessRules(options.admin_hosts),
                                          std::move(tokens));
    api_->on_audit(&control::log_audit);
    api_->on_upgrade(options.upgrade);
    api_server_ = std::make_unique<control::ApiServer>(*ring_, options.admin_listener, *api_,
                                                       admin_tls_.get(), *epochs_, *names_);
    return {};
}

Result<void> ControlThread::set_up_store(const ControlOptions& options) {
    const auto failed = [&options](const Error& error) {
        return Failure{Error{"--store " + options.store + ": " + error.message}};
    };
    auto store = control::open_store(options.store, options.store_content);
    if (!store) return failed(store.error());
    store_ = std::move(*store);
    auto node = control::load_node_state(*store_, control::Moment::present());
    if (!node) return failed(node.error());
    node_ = std::move(*node);
    return {};
}

void ControlThread::Renewal::due(io::Timer& timer) {
    static_cast<Renewal&>(timer).thread.renew_tickets();
}

/// Forward secrecy: this thread and the store forget what no ticket needs any more, as the workers
/// do.
void ControlThread::renew_tickets() {
    const auto moment = control::Moment::present();
    node_.tickets = node_.tickets.at(moment.now);
    const auto stored = store_lent_ ? Result<void>()  // whoever has it does so
                                    : control::store_tickets(*store_, node_.tickets, moment);
    if (!stored) {
        log(LogLevel::warn, "the ticket keys could not be stored",
            {{"reason", std::string_view(stored.error().message)}});
    }
    ring_->timers().arm(renewal_, ring_->now() + net::tls::TicketKeys::period);
}

void ControlThread::set_up_names(const ControlOptions& options) {
    resolver_ = std::make_unique<net::Resolver>(
        options.resolvers, [this](const std::string& name, net::NameAnswer answer) {
            ring_->mailbox().post(
                [this, name, answer = std::move(answer)] { take_answer(name, answer); });
        });
    names_ = std::make_unique<control::Names>(
        ring_->timers(), [this](const std::string& name) { resolver_->resolve(name); });
}

/// Publishes what was configured before, or is in the file. Its names are looked up, so that the
/// first request finds their addresses, and waited for as long as a change would wait for them.
Result<void> ControlThread::load(const ControlOptions& options) {
    if (const auto loaded = configuration_->load(); !loaded)
        return Failure{Error{describe(loaded.error())}};
    if (options.config_file) {
        const auto use =
            options.config_always ? control::FileUse::always : control::FileUse::when_new;
        const auto applied =
            control::apply_config_file(*options.config_file, use, *configuration_, *store_);
        if (!applied) return Failure{Error{control::join(applied.error())}};
    }
    bool done = false;
    io::spawn(look_up_names(done));
    ring_->run_until([&] { return done; });
    return {};
}

io::Task<void> ControlThread::look_up_names(bool& done) {
    control::NamesWanted wanted(*ring_, *names_, names_->unknown());
    co_await wanted.until_known();
    done = true;
}

void ControlThread::take_answer(const std::string& name, const net::NameAnswer& answer) {
    if (starting_workers_)
        early_answers_.emplace_back(name, answer);
    else
        names_->take(name, answer, ring_->now());
}

bool ControlThread::has_ended() const noexcept {
    return stopping_ && (api_server_ == nullptr || api_server_->stopped()) && calls_ == 0 &&
           !reclaiming_ && prober_->stopped() && key_fetcher_->stopped() &&
           (exporter_ == nullptr || exporter_->stopped());
}

void ControlThread::run() {
    ring_->timers().arm(renewal_, ring_->now() + net::tls::TicketKeys::period);
    while (!has_ended()) {
        ring_->wait(never);
        ring_->run_ready();
        republish_changed();
        publisher_.settle_gates();
        if (!stopping_ && !reclaiming_ && publisher_.reclaim() > 0)
            io::spawn(reclaim_now_and_then());
    }
    ring_->timers().disarm(renewal_);
    memory_watch_.reset();
    api_server_.reset();
    exporter_.reset();
    configuration_->on_route_published({});
    prober_.reset();
    configuration_->on_auth_provider_changed({});
    key_fetcher_.reset();
    ring_->wait(ring_->now());  // what was closed last is handed to the kernel
}

// --- what becomes of backends ---

void ControlThread::start_probing() {
    prober_ = std::make_unique<control::HealthProber>(
        *ring_, *configuration_,
        [this](const control::Configuration::PublishedBackend& backend) { on_revived(backend); });
    configuration_->on_route_published(
        [this](const RouteConfig& config, const snapshot::Route& route) {
            on_route_published(config, route);
        });
    for (const auto& [v_host, config] : configuration_->routes()) {
        on_route_published(config, *configuration_->published(v_host));
    }
}

void ControlThread::start_fetching_keys() {
    key_fetcher_ = std::make_unique<control::KeyFetcher>(*ring_);
    const auto look_after = [this](const std::string& id,
                                   const snapshot::AuthProviderPtr& provider) {
        key_fetcher_->look_after(id, provider);
    };
    configuration_->on_auth_provider_changed(look_after);
    for (const auto& [id, provider] : configuration_->auth_providers())
        look_after(id, provider.compiled);
}

/// Reported by a worker.
void ControlThread::on_live_change(const snapshot::LiveChange& change) {
    const auto backend = configuration_->find(change.backend);
    if (backend.upstream == nullptr) return;  // not published any more
    control::publish_live_change(events_, change, *backend.route, *backend.upstream);
    if (change.kind != snapshot::LiveChange::Kind::died) return;
    changed_.insert(backend.route->v_host);
}

/// Reported by the prober.
void ControlThread::on_revived(const control::Configuration::PublishedBackend& backend) {
    control::publish_alive(events_, *backend.route, *backend.upstream);
    changed_.insert(backend.route->v_host);
}

void ControlThread::on_route_published(const RouteConfig& config, const snapshot::Route& route) {
    prober_->look_at(config, route);
    // Nobody is left who could serve them. The worker that saw the last one die has said so
    // already, unless its request belonged to an earlier version of the route.
    if (!snapshot::takes_requests(route, ring_->now()))
        route.live->gate.answer_waiting(snapshot::AdmissionGate::Answer::no_backend);
}

void ControlThread::republish_changed() {
    auto changed = std::exchange(changed_, {});
    if (changed.empty() || configuration_->refresh_all(changed)) return;
    // No room to publish: sequences stay as they are, and workers pass over who is dead. Tried
    // again at the next turn.
    for (const std::string& v_host : changed) {
        const RouteConfig* config = configuration_->find(v_host);
        if (config != nullptr) prober_->look_at(*config, *configuration_->published(v_host));
    }
    changed_.merge(changed);
}

std::vector<RouteConfig> ControlThread::copy_of_routes() const {
    std::vector<RouteConfig> copy;
    for (const auto& [v_host, route] : configuration_->routes()) {
        copy.push_back(route);
        if (copy.back().ssl) copy.back().ssl->key.clear();  // write-only
    }
    return copy;
}

/// One callback for all kinds of events, so that what it keeps is kept once.
void ControlThread::listen(Listener listener) {
    const auto shared = std::make_shared<const Listener>(std::move(listener));
    listeners_.push_back(
        events_.subscribe_all([shared](const auto& event) { tell(*shared, event); }));
}

io::Task<void> ControlThread::apply(const Change& change, std::promise<Result<void>>& promise) {
    ++calls_;
    auto outcome = change(*configuration_);
    while (!outcome && !outcome.error().unknown_names.empty()) {
        control::NamesWanted wanted(*ring_, *names_, outcome.error().unknown_names);
        co_await wanted.until_known();
        outcome = change(*configuration_);
    }
    if (outcome && *outcome != 0) co_await epochs_->until_passed(*outcome);
    --calls_;
    // Last: whoever waits for it owns both parameters.
    if (outcome)
        promise.set_value({});
    else
        promise.set_value(Failure{Error{describe(outcome.error())}});
}

io::Task<void> ControlThread::reclaim_now_and_then() {
    reclaiming_ = true;
    while (!stopping_ && publisher_.reclaim() > 0) co_await ring_->sleep(reclaim_period);
    reclaiming_ = false;
}

}  // namespace penstock::app
