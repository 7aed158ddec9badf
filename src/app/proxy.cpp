#include "app/proxy.hpp"

#include <algorithm>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "app/cpus.hpp"
#include "base/log.hpp"
#include "net/listen.hpp"

namespace penstock::app {

namespace {

/// How often a stop looks whether the workers have finished.
constexpr auto stop_poll = std::chrono::milliseconds(5);

}  // namespace

Proxy::Proxy(Result<Options> options) : control_(publisher_) {
    if (options)
        options_ = std::move(*options);
    else
        wrong_options_ = options.error();
}

Proxy::~Proxy() {
    if (running_) stop([] { return true; });
    close(client_listening_);
    close(admin_listening_);
}

Result<void> Proxy::start() {
    if (wrong_options_) return Failure{*wrong_options_};
    ::signal(SIGPIPE, SIG_IGN);  // a peer that closes early is an errno, not an end
    const auto engine = choose_engine();
    if (!engine) return Failure{engine.error()};
    const std::uint64_t files = raise_file_limit();
    options_.proxy.max_connections =
        options_.max_connections.value_or(default_max_connections(files));
    limits_ = std::make_unique<proxy::ConnectionLimits>(options_.proxy.max_connections,
                                                        options_.proxy.max_per_address);
    const auto places = place_workers(options_);
    if (auto listening = listen(places.size()); !listening) return listening;
    publisher_.expect_workers(static_cast<unsigned>(places.size()));
    if (options_.pid_file) {
        if (auto written = pid_file_.write(*options_.pid_file); !written) return written;
    }
    // Where root becomes somebody else, the configuration file is read and the store opened, like
    // the sockets bound, with the rights that the process was started with.
    const bool drops_late = turns_from_root(options_.user);
    const auto drop = [this] { return drop_privileges(options_.user, options_.group); };
    if (!drops_late) {
        if (auto dropped = drop(); !dropped) return dropped;
    }
    if (options_.confine != nullptr) {
        if (auto confined = options_.confine(options_, *engine); !confined) return confined;
    }
    const ControlOptions control{
        .engine = *engine,
        .admin_listener = admin_listening_.empty() ? -1 : admin_listening_.front().fd,
        .admin_hosts = options_.admin_hosts,
        .admin_token_file = options_.admin_token_file,
        .admin_tls = admin_tls_files(),
        .own_addresses = own_addresses(),
        .store = options_.store,
        .config_file = options_.config_file,
        .config_always = options_.config_always,
        .resolvers = options_.resolvers};
    if (auto started = control_.start(control); !started) return started;
    running_ = true;
    if (options_.proxy.node_name.empty())
        options_.proxy.node_name = "penstock-" + control_.node().id;
    if (drops_late) {
        if (auto dropped = drop(); !dropped) return dropped;
    }
    if (auto started = start_workers(*engine, places); !started) return started;
    control_.serve();
    log(LogLevel::info, "serving",
        {{"workers", workers_.size()},
         {"engine", *engine == io::Engine::uring ? "uring" : "epoll"}});
    return {};
}

std::optional<control::AdminTlsFiles> Proxy::admin_tls_files() const {
    if (!options_.admin_cert) return std::nullopt;
    return control::AdminTlsFiles{.cert = *options_.admin_cert,
                                  .key = options_.admin_key.value_or(""),
                                  .client_ca = options_.admin_client_ca.value_or("")};
}

control::OwnAddresses Proxy::own_addresses() const {
    std::vector<net::Address> bound;
    for (const auto* listening : {&client_listening_, &admin_listening_}) {
        for (const Listening& one : *listening) {
            const net::Address address = net::Address::local_of(one.fd);
            if (std::find(bound.begin(), bound.end(), address) != bound.end()) continue;
            bound.push_back(address);
            // One on all addresses that was handed over may take both: ours take IPv6 alone.
            if (address.family() == AF_INET6 && address.host() == "::" && !net::is_v6_only(one.fd))
                bound.push_back(*net::Address::parse("0.0.0.0", address.port()));
        }
    }
    return control::OwnAddresses(std::move(bound));
}

Result<io::Engine> Proxy::choose_engine() const {
    if (options_.engine == EngineChoice::epoll) return io::Engine::epoll;
    const auto probed = io::probe_uring();
    if (probed) return io::Engine::uring;
    if (options_.engine == EngineChoice::uring) {
        return Failure{Error{"--io uring: " + probed.error().message}};
    }
    log(LogLevel::warn, "io_uring cannot be used, epoll is", {{"reason", probed.error().message}});
    return io::Engine::epoll;
}

// --- listeners ---

Result<void> Proxy::listen(std::size_t workers) {
    worker_listeners_.resize(workers);
    for (const ListenOn& where : options_.http) {
        if (auto listening = listen_for_clients(where, false, workers); !listening)
            return listening;
    }
    if (!client_listening_.empty())
        port_ = net::Address::local_of(client_listening_.front().fd).port();
    const std::size_t plain = client_listening_.size();
    for (const ListenOn& where : options_.https) {
        if (auto listening = listen_for_clients(where, true, workers); !listening) return listening;
    }
    if (client_listening_.size() > plain)
        ssl_port_ = net::Address::local_of(client_listening_[plain].fd).port();
    if (ssl_port_ != 0) options_.proxy.https_public_port = ssl_port_;
    if (options_.https_public_port) options_.proxy.https_public_port = *options_.https_public_port;
    if (options_.admin_fd) {
        admin_listening_.push_back({.fd = *options_.admin_fd, .unix_path = {}, .inherited = true});
        return {};
    }
    if (options_.admin.family() == AF_UNSPEC) return {};
    auto fd = net::listen_on(options_.admin, net::UnixAccess::owner);
    if (!fd) return Failure{fd.error()};
    const bool is_unix = options_.admin.family() == AF_UNIX;
    admin_listening_.push_back(
        {.fd = *fd, .unix_path = is_unix ? options_.admin.endpoint().substr(5) : ""});
    return {};
}

Result<void> Proxy::listen_for_clients(const ListenOn& where, bool is_tls, std::size_t workers) {
    if (const auto* address = std::get_if<net::Address>(&where))
        return listen_for_clients(*address, is_tls, workers);
    const int fd = std::get<int>(where);
    client_listening_.push_back({.fd = fd, .unix_path = {}, .inherited = true});
    for (auto& listeners : worker_listeners_) listeners.push_back({.fd = fd, .is_tls = is_tls});
    return {};
}

Result<void> Proxy::listen_for_clients(const net::Address& address, bool is_tls,
                                       std::size_t workers) {
    if (address.family() == AF_UNIX) {  // no SO_REUSEPORT there: the workers share one socket
        auto fd = net::listen_on(address);
        if (!fd) return Failure{fd.error()};
        client_listening_.push_back({.fd = *fd, .unix_path = address.endpoint().substr(5)});
        for (auto& listeners : worker_listeners_)
            listeners.push_back({.fd = *fd, .is_tls = is_tls});
        return {};
    }
    auto group = net::listen_shared(address, workers);
    if (!group) return Failure{group.error()};
    for (std::size_t worker = 0; worker < workers; ++worker) {
        client_listening_.push_back({.fd = (*group)[worker], .unix_path = {}});
        worker_listeners_[worker].push_back({.fd = (*group)[worker], .is_tls = is_tls});
    }
    return {};
}

void Proxy::close(std::vector<Listening>& all) {
    for (const Listening& listening : all) {
        // Takes effect at once, even while the kernel still winds down an accept on it.
        if (!listening.inherited) ::shutdown(listening.fd, SHUT_RDWR);
        ::close(listening.fd);
        if (!listening.unix_path.empty()) ::unlink(listening.unix_path.c_str());
    }
    all.clear();
}

// --- threads ---

Result<void> Proxy::start_workers(io::Engine engine,
                                  const std::vector<std::optional<unsigned>>& places) {
    // Called on the control thread, which takes nothing that could retire a backend before serve().
    publisher_.on_backend_gone([this](snapshot::BackendName backend) {
        for (auto& worker : workers_) worker->retire_backend(backend);
    });
    auth_threads_ = std::make_unique<proxy::AuthThreads>(options_.auth_threads);
    const net::tls::TicketSeed& tickets = control_.node().tickets;
    for (std::size_t i = 0; i < places.size(); ++i) {
        workers_.push_back(std::make_unique<proxy::Worker>(
            proxy::WorkerOptions{.index = static_cast<unsigned>(i),
                                 .cpu = places[i],
                                 .engine = engine,
                                 .listeners = worker_listeners_[i],
                                 .tickets = tickets,
                                 .tell_control = control_.listener(),
                                 .auth_threads = auth_threads_.get()},
            options_.proxy, *limits_, publisher_));
        if (auto started = workers_.back()->start(); !started) {
            workers_.pop_back();
            return started;
        }
    }
    return {};
}

bool Proxy::workers_finished() const {
    return std::all_of(workers_.begin(), workers_.end(),
                       [](const auto& worker) { return worker->finished(); });
}

void Proxy::drain_workers(bool (*hurry)()) {
    const TimePoint deadline = Clock::now() + options_.drain_timeout;
    for (auto& worker : workers_) worker->drain();
    const auto accepting = [](const auto& worker) { return worker->accepting(); };
    while (std::any_of(workers_.begin(), workers_.end(), accepting)) {
        std::this_thread::sleep_for(stop_poll);
    }
    close(client_listening_);
    while (!workers_finished() && Clock::now() < deadline && !(hurry != nullptr && hurry())) {
        std::this_thread::sleep_for(stop_poll);
    }
    for (auto& worker : workers_) worker->abort();
    for (auto& worker : workers_) worker->join();
}

void Proxy::stop(bool (*hurry)()) {
    if (!running_) return;
    running_ = false;
    control_.stop_taking_traffic();
    drain_workers(hurry);
    control_.stop();
    auth_threads_.reset();  // what they have judged goes into the workers' mailboxes
    workers_.clear();
    close(admin_listening_);
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
