#include "proxy/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <string>

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

namespace penstock::proxy {

namespace {

/// How long accepting rests when the process has run out of descriptors or memory.
constexpr Duration resource_rest = std::chrono::milliseconds(100);
/// How often a full process looks whether another worker's client has left.
constexpr Duration full_rest = std::chrono::milliseconds(5);
/// How long backends may take to take the last frames of a worker that ends.
constexpr Duration goodbye_limit = std::chrono::seconds(1);
/// How often a worker looks whether it has gone quiet and can give memory back.
constexpr Duration quiet_period = std::chrono::seconds(1);

}  // namespace

Worker::Worker(WorkerOptions options, const Settings& settings, ConnectionLimits& limits,
               snapshot::Publisher& publisher)
    : options_(std::move(options)),
      settings_(settings),
      limits_(limits),
      publisher_(publisher),
      shedding_(publisher.totals().shedding),
      tracker_(options_.index, publisher.totals()),
      sampler_(options_.index, publisher.totals()) {
    listening_.push_back(request_events_.subscribe<snapshot::RequestRecord>(
        [this](const snapshot::RequestRecord& record) { tracker_.ended(record); }));
    listening_.push_back(request_events_.subscribe<snapshot::RequestRecord>(
        [this](const snapshot::RequestRecord& record) { sampler_.ended(record); }));
    for (const RequestListener& listen : options_.listeners_to_requests)
        listening_.push_back(listen(request_events_, options_.index));
}

Worker::~Worker() {
    PENSTOCK_ASSERT(!thread_.joinable());
    if (snapshots_ != nullptr) publisher_.remove_reader(*snapshots_);
}

// --- the owner's side ---

Result<void> Worker::start() {
    std::promise<Result<void>> started;
    auto outcome = started.get_future();
    snapshots_ = &publisher_.add_reader();
    thread_ = std::thread([this, &started] {
        pin();
        if (auto ready = set_up(); !ready) {
            started.set_value(std::move(ready));
            finished_.store(true, std::memory_order_release);
            return;
        }
        started.set_value({});
        run();
    });
    auto result = outcome.get();
    if (!result) join();
    return result;
}

void Worker::post(std::function<void()> action) {
    ring_->mailbox().post(std::move(action));
}

void Worker::retire_backend(snapshot::BackendName backend) {
    post([this, backend] { upstream_pools_->retire(backend.id, backend.generation); });
}

void Worker::relieve() {
    post([this] {
        upstream_pools_->close_idle();
        // What ends leaves the list only when its coroutine runs: it is safe to walk.
        connections_.for_each([](ClientConnection& connection) { connection.end_if_idle(); });
        ring_->trim();
    });
}

void Worker::accept() {
    post([this] {
        for (const ClientListener& one : options_.listeners) {
            listeners_.push_back(std::make_unique<io::Listener>(*ring_, one.fd));
            ++acceptors_;
            io::spawn(accept_from(*listeners_.back(), one.is_tls));
        }
    });
}

void Worker::drain(std::vector<int> ending) {
    post([this, ending = std::move(ending)] {
        ending_listeners_ = ending;
        begin_drain();
    });
}

void Worker::begin_drain() {
    draining_ = true;
    ring_->timers().arm(last_call_timer_, ring_->now() + last_call_time);
    for (auto& listener : listeners_) listener->interrupt();
    if (acceptors_ == 0) accepting_.store(false, std::memory_order_release);
    // A connection that ends leaves the list only when its coroutine runs, so the list is safe to
    // walk.
    connections_.for_each([](ClientConnection& connection) { connection.drain(); });
}

void Worker::on_last_call(io::Timer& timer) {
    Worker& worker = static_cast<LastCallTimer&>(timer).worker;
    worker.connections_.for_each([](ClientConnection& connection) { connection.last_call(); });
}

bool Worker::has_drained() const noexcept {
    return draining_ && acceptors_ == 0 && connections_.empty() && waiting_for_room_ == 0;
}

void Worker::abort() {
    post([this] {
        aborted_ = true;
        connections_.for_each([](ClientConnection& connection) { connection.abort(ECANCELED); });
    });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

// --- the worker's thread ---

Result<void> Worker::set_up() {
    auto ring = io::Ring::create(options_.engine);
    if (!ring) return Failure{ring.error()};
    ring_ = std::move(*ring);
    upstream_pools_ = std::make_unique<UpstreamPools>(*ring_);
    hook_calls_ = std::make_unique<HookCalls>(*ring_);
    password_checks_ = std::make_unique<PasswordChecks>(*ring_, options_.auth_threads);
    callback_questions_ = std::make_unique<CallbackQuestions>(*ring_, options_.auth_threads);
    const auto& listeners = options_.listeners;
    if (std::none_of(listeners.begin(), listeners.end(),
                     [](const auto& one) { return one.is_tls; }))
        return {};
    auto context = net::tls::ServerContext::create(*this, options_.tickets);
    if (!context) return Failure{context.error()};
    tls_ = std::move(*context);
    return {};
}

/// The spans that it gives out are of the snapshot that this turn has taken.
net::tls::CertificateSource::Found Worker::certificates_for(std::string_view server_name) noexcept {
    const snapshot::CertificateTable& table = snapshots_->current()->certificates();
    const snapshot::CertificateSet* const found =
        server_name.empty() ? table.without_sni() : table.find(server_name);
    return found != nullptr ? Found(found->by_kind) : Found();
}

/// What it says of a route is of this turn's snapshot, too.
std::string_view Worker::authentication_of(std::string_view server_name) noexcept {
    const snapshot::Route* const route = snapshots_->current()->match(server_name);
    if (route == nullptr || !route->is_guarded) return {};
    if (route->auth == nullptr) return "missing";
    const auto& bytes = route->auth->fingerprint.bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void Worker::pin() const {
    ::pthread_setname_np(::pthread_self(), ("penstock-" + std::to_string(options_.index)).c_str());
    if (!options_.cpu) return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(*options_.cpu, &cpus);
    const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof(cpus), &cpus);
    if (error != 0) {
        log(LogLevel::warn, "worker cannot be pinned",
            {{"cpu", *options_.cpu}, {"error", std::strerror(error)}});
    }
}

void Worker::run() {
    snapshots_->wake();
    while (!has_drained()) turn();
    snapshots_->sleep();
    leave_backends();
    await_password_checks();
    leave_hooks();
    ring_->timers().disarm(quiet_timer_);
    ring_->timers().disarm(last_call_timer_);
    ring_->wait(ring_->now());  // what was closed last is handed to the kernel
    listeners_.clear();
    finished_.store(true, std::memory_order_release);
}

/// HTTP/2 connections end with a GOAWAY, where their backends take it.
void Worker::leave_backends() {
    upstream_pools_->retire_all();
    const TimePoint last = ring_->now() + goodbye_limit;
    while (!upstream_pools_->are_unused()) {
        const bool is_late = ring_->now() >= last;
        if (is_late) upstream_pools_->abort_all();
        ring_->wait(is_late ? never : last);
        ring_->run_ready();
    }
}

/// Nobody waits for them; but they come back to this loop.
void Worker::await_password_checks() {
    while (!password_checks_->is_idle()) {
        ring_->wait(never);
        ring_->run_ready();
    }
}

void Worker::leave_hooks() {
    hook_calls_->end();
    while (!hook_calls_->is_idle()) {
        ring_->wait(never);
        ring_->run_ready();
    }
}

void Worker::turn() {
    const bool may_sleep = snapshots_->sleep();
    ring_->wait(may_sleep ? never : ring_->now());
    snapshots_->wake();
    ring_->run_ready();
}

io::Task<void> Worker::accept_from(io::Listener& listener, bool is_tls) {
    for (;;) {
        const auto mode = limits_.nearly_full() ? io::AcceptMode::single : io::AcceptMode::batch;
        const int fd = co_await listener.accept(mode);
        if (fd == -ECANCELED) break;
        if (fd < 0) {
            if (listener.has_waiting()) out_of_resources(-fd);
            co_await ring_->sleep(resource_rest);
            continue;
        }
        while (!draining_ && (sheds() || !limits_.enter())) {
            listener.pause();
            co_await ring_->sleep(full_rest);
        }
        if (draining_)
            io::spawn(serve_when_possible(fd, is_tls));
        else
            io::spawn(serve(fd, is_tls));
    }
    const auto& ending = ending_listeners_;
    if (std::find(ending.begin(), ending.end(), listener.fd()) != ending.end())
        accept_backlog(listener, is_tls);
    if (--acceptors_ == 0) accepting_.store(false, std::memory_order_release);
}

/// The last ones: nobody refuses those whom the kernel has let in.
void Worker::accept_backlog(io::Listener& listener, bool is_tls) {
    for (;;) {
        const int fd = listener.accept_waiting();
        if (fd < 0 && fd != -EAGAIN) out_of_resources(-fd);
        if (fd < 0) return;
        io::spawn(serve_when_possible(fd, is_tls));
    }
}

/// Accepted by a drain, which cannot leave it in the kernel's queue.
io::Task<void> Worker::serve_when_possible(int fd, bool is_tls) {
    ++waiting_for_room_;
    while (!aborted_ && !limits_.enter()) co_await ring_->sleep(full_rest);
    --waiting_for_room_;
    if (aborted_) {
        ::close(fd);
        co_return;
    }
    co_await serve(fd, is_tls);
}

io::Task<void> Worker::serve(int fd, bool is_tls) {
    const net::Address address = net::Address::peer_of(fd);
    if (address.size() == 0) {  // reset before we could ask whose it is
        ::close(fd);
        limits_.leave();
        co_return;
    }
    ClientConnection connection(*this, ring_->adopt(fd), Peer(address, settings_));
    connections_.push_back(connection);
    tracker_.connection_opened();
    bool is_welcome = co_await welcome(connection, is_tls);
    // Counted by the client's own address, once that is known.
    const bool is_counted = is_welcome && limits_.counts_addresses();
    if (is_counted) is_welcome = limits_.enter_address(connection.peer().host());
    const bool holds_address = is_counted && is_welcome;
    if (is_welcome)
        co_await connection.serve();
    else
        connection.stream().close();
    connection.unlink();
    tracker_.connection_closed();
    limits_.leave();
    if (holds_address) limits_.leave_address(connection.peer().host());
}

/// What comes before the first request. False: nothing is to be said on this connection any more.
io::Task<bool> Worker::welcome(ClientConnection& connection, bool is_tls) {
    if (settings_.proxy_protocol) {
        const bool is_known = co_await connection.learn_peer();
        if (!is_known) co_return false;
    }
    if (!is_tls) co_return true;
    const bool is_secured = co_await connection.secure(*tls_);
    co_return is_secured;
}

void Worker::out_of_resources(int error) {
    upstream_pools_->close_idle();  // idle connections hold descriptors that clients need more
    static LogLimit complaints;     // of the process: every worker runs out at the same time
    if (complaints.allows(ring_->now())) {
        log(LogLevel::error, "cannot accept connections",
            {{"worker", options_.index}, {"error", std::strerror(error)}});
    }
}

void Worker::note_exchange() noexcept {
    ++exchanges_;
    if (!quiet_timer_.is_armed()) ring_->timers().arm(quiet_timer_, ring_->now() + quiet_period);
}

void Worker::on_quiet_check(io::Timer& timer) {
    Worker& worker = static_cast<QuietTimer&>(timer).worker;
    const bool quiet = worker.exchanges_ == worker.exchanges_at_check_;
    worker.exchanges_at_check_ = worker.exchanges_;
    if (quiet) worker.ring_->trim();
    // As long as anyone is connected, a long body may still give blocks back.
    if (!quiet || !worker.connections_.empty()) {
        worker.ring_->timers().arm(timer, worker.ring_->now() + quiet_period);
    }
}

}  // namespace penstock::proxy
