#include "control/metrics/metered.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "control/metrics/exposition.hpp"

namespace penstock::control {

namespace {

/// No host can be called that.
constexpr std::string_view rest_name = "(other)";

std::string route_labels(std::string_view v_host) {
    return label("vhost", v_host);
}

bool is_of(const snapshot::Upstream& upstream, const MeteredBackend::Target& target) {
    return snapshot::name_of(*upstream.live) == target.name;
}

}  // namespace

Metered::Metered(const Configuration& configuration, Bounds bounds)
    : configuration_(configuration), bounds_(bounds) {
    rest_.labels = route_labels(rest_name);
}

bool Metered::add(const std::string& v_host, TimePoint now) {
    if (routes_.size() >= bounds_.routes || routes_.contains(v_host)) return false;
    const snapshot::Route* const route = configuration_.published(v_host);
    if (route == nullptr) return false;
    MeteredRoute& row = routes_[v_host];
    row.labels = route_labels(v_host);
    Levels levels;
    row.meter.gather(totals(), route->live->series, now);
    row.meter.read(totals(), route->live->series, now, row.base, levels);
    return true;
}

void Metered::remove(const std::string& v_host) {
    const auto at = routes_.find(v_host);
    if (at == routes_.end()) return;
    gone_ += at->second.tally;
    backends_ -= at->second.backends.size();
    routes_.erase(at);
}

void Metered::fill(TimePoint now) {
    for (const auto& [v_host, config] : configuration_.routes()) {
        if (routes_.size() >= bounds_.routes) return;
        add(v_host, now);
    }
}

void Metered::gather(TimePoint now) {
    meter_.gather(totals(), totals().everything, now);
    for (auto& [v_host, row] : routes_) {
        const snapshot::Route* const route = configuration_.published(v_host);
        if (route == nullptr) continue;
        row.meter.gather(totals(), route->live->series, now);
        for (MeteredBackend& backend : row.backends) {
            for (auto& target : backend.targets) {
                for (const snapshot::Upstream& upstream : route->upstreams) {
                    if (!is_of(upstream, target)) continue;
                    target.meter.gather(totals(), upstream.live->series, now);
                    break;
                }
            }
        }
    }
}

void Metered::refresh(TimePoint now) {
    // Everything before its parts: what is counted meanwhile is missing in the rest until the next
    // time, and never counted twice.
    Tally present;
    everything_.levels = {};
    meter_.read(totals(), totals().everything, now, present, everything_.levels);
    everything_.tally.advance_to(present);
    Tally rest = everything_.tally;
    Levels named;
    rest -= gone_;
    left_out_ = 0;
    for (auto& [v_host, row] : routes_) {
        const snapshot::Route* const route = configuration_.published(v_host);
        const RouteConfig* const config = configuration_.find(v_host);
        if (route != nullptr && config != nullptr) refresh_route(*config, *route, row, now);
        rest -= row.tally;
        named += row.levels;
    }
    rest_.tally.advance_to(rest);
    rest_.levels = everything_.levels.without(named);
}

void Metered::refresh_route(const RouteConfig& config, const snapshot::Route& route,
                            MeteredRoute& row, TimePoint now) {
    Tally tally;
    row.levels = {};
    row.meter.read(totals(), route.live->series, now, tally, row.levels);
    tally -= row.base;
    row.tally.advance_to(tally);
    const auto counted = route.live->gate.counts();
    row.gate_active = counted.active;
    row.gate_queued = counted.queued;
    row.most_active = config.req_active_length;
    row.most_queued = config.req_queue_length;
    refresh_backends(route, row, now);
}

void Metered::refresh_backends(const snapshot::Route& route, MeteredRoute& row, TimePoint now) {
    sync_backends(route, row);
    for (MeteredBackend& backend : row.backends) refresh_backend(route, backend, now);
}

/// One row for each authority that the route has, as far as there is room.
void Metered::sync_backends(const snapshot::Route& route, MeteredRoute& row) {
    backends_ -= row.backends.size();
    std::erase_if(row.backends, [&](const MeteredBackend& backend) {
        return std::none_of(
            route.upstreams.begin(), route.upstreams.end(),
            [&](const auto& upstream) { return upstream.authority == backend.authority; });
    });
    backends_ += row.backends.size();
    const std::string* left_out = nullptr;  // one with several addresses is one backend
    for (const snapshot::Upstream& upstream : route.upstreams) {
        const bool is_known = std::any_of(
            row.backends.begin(), row.backends.end(),
            [&](const auto& backend) { return backend.authority == upstream.authority; });
        if (is_known) continue;
        if (backends_ >= bounds_.backends) {
            if (left_out == nullptr || *left_out != upstream.authority) ++left_out_;
            left_out = &upstream.authority;
            continue;
        }
        MeteredBackend& backend = row.backends.emplace_back();
        ++backends_;
        backend.authority = upstream.authority;
        backend.labels = row.labels + "," + label("backend", upstream.authority);
    }
}

void Metered::refresh_backend(const snapshot::Route& route, MeteredBackend& backend,
                              TimePoint now) {
    std::erase_if(backend.targets, [&](const MeteredBackend::Target& target) {
        const bool is_there =
            std::any_of(route.upstreams.begin(), route.upstreams.end(),
                        [&](const auto& upstream) { return is_of(upstream, target); });
        if (!is_there) backend.gone += target.last;
        return !is_there;
    });
    backend.levels = {};
    backend.is_alive = backend.is_circuit_open = false;
    backend.in_maintenance = true;
    backend.failures = 0;
    Tally tally = backend.gone;
    std::vector<MeteredBackend::Target> targets;
    for (const snapshot::Upstream& upstream : route.upstreams) {
        if (upstream.authority != backend.authority) continue;
        const auto is_this = [&](const auto& target) { return is_of(upstream, target); };
        if (std::any_of(targets.begin(), targets.end(), is_this)) continue;  // listed twice
        const auto known = std::find_if(backend.targets.begin(), backend.targets.end(), is_this);
        targets.push_back(known == backend.targets.end()
                              ? MeteredBackend::Target{snapshot::name_of(*upstream.live), {}, {}}
                              : *known);
        MeteredBackend::Target& target = targets.back();
        if (known == backend.targets.end())
            target.meter.gather(totals(), upstream.live->series, now);
        target.last = {};
        target.meter.read(totals(), upstream.live->series, now, target.last, backend.levels);
        tally += target.last;
        const auto health = upstream.live->health.view();
        backend.is_alive |= health.state == snapshot::HealthState::alive;
        backend.in_maintenance &= health.state == snapshot::HealthState::maintenance;
        backend.is_circuit_open |= route.circuit.has_value() && upstream.live->circuit.state(now) ==
                                                                    snapshot::CircuitState::open;
        backend.failures += health.failures;
    }
    backend.targets = std::move(targets);
    backend.tally.advance_to(tally);
}

}  // namespace penstock::control
