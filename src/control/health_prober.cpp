#include "control/health_prober.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace penstock::control {

namespace {

using snapshot::BackendName;
using snapshot::HealthState;

std::uint64_t key_of(BackendName name) noexcept {
    return std::uint64_t{name.generation} << 32 | name.id;
}

BackendName name_of(std::uint64_t key) noexcept {
    return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

bool serves(const snapshot::Route& route) {
    return std::any_of(route.upstreams.begin(), route.upstreams.end(), [](const auto& upstream) {
        return upstream.weight > 0 && upstream.live->health.is_alive();
    });
}

Duration period_of(const RouteConfig& config, bool is_urgent, std::int64_t permille) {
    const Duration period = Duration(config.health.recheck) * permille / 1000;
    return is_urgent ? std::min(period, HealthProber::urgent_period) : period;
}

/// A pattern is no host: the backend's own name then.
std::string host_of(const Configuration::PublishedBackend& backend) {
    const bool is_pattern = backend.route->v_host.starts_with('*');
    return is_pattern ? backend.upstream->authority : backend.route->v_host;
}

}  // namespace

HealthProber::HealthProber(io::Ring& ring, const Configuration& configuration, Revived revived)
    : ring_(ring), configuration_(configuration), revived_(std::move(revived)) {}

HealthProber::~HealthProber() {
    PENSTOCK_ASSERT(running_.empty());
    ring_.timers().disarm(timer_);
}

void HealthProber::look_at(const RouteConfig& config, const snapshot::Route& route) {
    if (stopping_) return;
    const bool is_urgent = !serves(route);
    for (const snapshot::Upstream& upstream : route.upstreams) {
        if (upstream.live->health.view().state != HealthState::dead) continue;
        const Key key = key_of(snapshot::name_of(*upstream.live));
        const auto [at, is_new] = patients_.try_emplace(key);
        Patient& patient = at->second;
        if (is_new) {
            patient.asked = ring_.now();
            patient.permille = 900 + static_cast<std::int64_t>(random_.below(201));
        }
        schedule(key, patient, patient.asked + period_of(config, is_urgent, patient.permille));
    }
    arm();
}

void HealthProber::stop() {
    stopping_ = true;
    ring_.timers().disarm(timer_);
    patients_.clear();
    queue_.clear();
    for (const auto& [key, running] : running_) running->probe.interrupt();
}

void HealthProber::schedule(Key key, Patient& patient, TimePoint due) {
    queue_.erase({patient.due, key});
    patient.due = due;
    queue_.insert({due, key});
}

void HealthProber::forget(Key key) {
    const auto at = patients_.find(key);
    if (at == patients_.end()) return;
    if (at->second.steady != nullptr) at->second.steady->probe.interrupt();
    if (at->second.another != nullptr) at->second.another->probe.interrupt();
    queue_.erase({at->second.due, key});
    patients_.erase(at);
}

void HealthProber::arm() {
    if (queue_.empty() || running_.size() >= most_probes)
        ring_.timers().disarm(timer_);
    else
        ring_.timers().arm(timer_, queue_.begin()->first);
}

void HealthProber::on_due(io::Timer& timer) {
    static_cast<DueTimer&>(timer).prober.start_due();
}

void HealthProber::start_due() {
    while (!queue_.empty() && running_.size() < most_probes &&
           queue_.begin()->first <= ring_.now()) {
        const Key key = queue_.begin()->second;
        const auto backend = configuration_.find(name_of(key));
        const bool is_dead = backend.upstream != nullptr &&
                             backend.upstream->live->health.view().state == HealthState::dead;
        if (is_dead)
            start(key, patients_.at(key), backend);
        else
            forget(key);  // revived or in maintenance by hand, or not published any more
    }
    arm();
}

void HealthProber::start(Key key, Patient& patient,
                         const Configuration::PublishedBackend& backend) {
    const HealthConfig& health = backend.config->health;
    patient.asked = ring_.now();
    patient.permille = 900 + static_cast<std::int64_t>(random_.below(201));
    schedule(key, patient,
             patient.asked + period_of(*backend.config, !serves(*backend.route), patient.permille));
    // Second probes leave room for those who have none.
    if (patient.steady != nullptr && running_.size() >= most_probes / 2) return;
    if (patient.another != nullptr) patient.another->probe.interrupt();

    auto made = std::make_unique<Running>(
        key, backend.upstream->live->health.view().epoch, ring_,
        ProbeTarget{backend.upstream->address, health.probe.path, host_of(backend),
                    Duration(health.probe.timeout), backend.upstream->tls,
                    backend.upstream->proxy_protocol, backend.upstream->protocol});
    Running& running = *made;
    (patient.steady == nullptr ? patient.steady : patient.another) = &running;
    running_.emplace(&running, std::move(made));
    io::spawn(run(running));
}

io::Task<void> HealthProber::run(Running& running) {
    const bool lives = co_await running.probe.run();
    finished(running, lives);
}

void HealthProber::finished(Running& running, bool lives) {
    const auto own = running_.extract(&running);
    const auto at = patients_.find(running.key);
    if (at != patients_.end()) {
        Patient& patient = at->second;
        if (patient.steady == &running) patient.steady = std::exchange(patient.another, nullptr);
        if (patient.another == &running) patient.another = nullptr;
    }
    if (stopping_) return;
    if (lives) {
        const auto backend = configuration_.find(name_of(running.key));
        if (backend.upstream != nullptr && backend.upstream->live->health.revive(running.epoch)) {
            forget(running.key);
            revived_(backend);
        } else if (at != patients_.end()) {
            // It has failed a request since it was asked: soon again.
            schedule(running.key, at->second,
                     std::min(at->second.due, ring_.now() + urgent_period));
        }
    }
    arm();
}

}  // namespace penstock::control
