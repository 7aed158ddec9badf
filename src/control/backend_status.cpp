#include "control/backend_status.hpp"

#include <algorithm>
#include <span>

#include "base/clock.hpp"
#include "control/preconditions.hpp"
#include "model/host_pattern.hpp"

namespace penstock::control {

namespace {

using model::BackendStatus;
using snapshot::HealthState;
using snapshot::HealthView;

/// What all addresses of one backend add up to.
struct Sum {
    bool has_alive = false;
    bool has_dead = false;
    std::uint64_t failures = 0;
    std::uint64_t since_unix_ms = 0;  // the earliest; 0: none

    void add(const HealthView& view) {
        has_alive = has_alive || view.state == HealthState::alive;
        has_dead = has_dead || view.state != HealthState::alive;
        failures += view.failures;
        if (view.state == HealthState::alive) return;
        since_unix_ms = since_unix_ms == 0 ? view.dead_since_unix_ms
                                           : std::min(since_unix_ms, view.dead_since_unix_ms);
    }

    bool is_empty() const noexcept { return !has_alive && !has_dead; }

    BackendStatus status(bool in_maintenance) const {
        BackendStatus status;
        status.failure_count = failures;
        status.is_dead = in_maintenance || (has_dead && !has_alive);
        if (status.is_dead) {
            status.state = in_maintenance ? "maintenance" : "dead";
            if (since_unix_ms != 0) status.dead_since = rfc3339(since_unix_ms);
        }
        return status;
    }
};

bool is_at(const Backend& backend, std::string_view authority) {
    return model::authority_of(backend.hostname, backend.port) == authority;
}

/// A name in force that has no address yet: nothing can be sent there.
bool is_unresolved(const Configuration& configuration, const RouteConfig& route,
                   const Backend& backend) {
    if (!model::needs_lookup(backend.hostname) || configuration.has_addresses(backend))
        return false;
    const RouteConfig* in_force = configuration.find(route.v_host);
    if (in_force == nullptr) return false;
    const auto& backends = in_force->backends;
    return std::any_of(backends.begin(), backends.end(), [&](const Backend& known) {
        return known.hostname == backend.hostname && known.port == backend.port;
    });
}

/// The place of the upstream's backend in the route; its size where it has none.
std::size_t place_of(const snapshot::Upstream& upstream, const RouteConfig& route) {
    const auto& backends = route.backends;
    if (upstream.backend < backends.size() && is_at(backends[upstream.backend], upstream.authority))
        return upstream.backend;
    const auto at = std::find_if(backends.begin(), backends.end(), [&](const Backend& backend) {
        return is_at(backend, upstream.authority);
    });
    return static_cast<std::size_t>(at - backends.begin());
}

bool is_plain(std::span<const BackendStatus> statuses) {
    return std::all_of(statuses.begin(), statuses.end(),
                       [](const BackendStatus& status) { return status == BackendStatus{}; });
}

/// `write(json, statuses)` appends the representation.
template <class Write>
Representation represent_with(std::span<const BackendStatus> statuses, Write write) {
    Representation result;
    write(result.json, statuses);
    if (is_plain(statuses)) {
        result.tag = entity_tag(result.json);
    } else {
        const std::vector<BackendStatus> plain(statuses.size());
        std::string configured;
        write(configured, std::span<const BackendStatus>(plain));
        result.tag = entity_tag(configured, result.json);
    }
    return result;
}

}  // namespace

std::vector<BackendStatus> statuses_of(const Configuration& configuration,
                                       const RouteConfig& route) {
    std::vector<Sum> sums(route.backends.size());
    if (const snapshot::Route* published = configuration.published(route.v_host)) {
        for (const snapshot::Upstream& upstream : published->upstreams) {
            const std::size_t place = place_of(upstream, route);
            if (place < sums.size()) sums[place].add(upstream.live->health.view());
        }
    }
    std::vector<BackendStatus> statuses;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const bool marked = configuration.in_maintenance(route.v_host, route.backends[i]);
        if (sums[i].is_empty() && is_unresolved(configuration, route, route.backends[i]))
            sums[i].has_dead = true;
        statuses.push_back(sums[i].status(marked));
    }
    return statuses;
}

Representation represent(const Configuration& configuration, const RouteConfig& route) {
    const auto statuses = statuses_of(configuration, route);
    return represent_with(statuses, [&](std::string& json, std::span<const BackendStatus> shown) {
        model::write_route(json, route, shown);
    });
}

Representation represent(const Configuration& configuration, const RouteConfig& route,
                         const Backend& backend) {
    const auto statuses = statuses_of(configuration, route);
    const auto place = static_cast<std::size_t>(&backend - route.backends.data());
    const std::span<const BackendStatus> own = std::span(statuses).subspan(place, 1);
    return represent_with(own, [&](std::string& json, std::span<const BackendStatus> shown) {
        model::write_backend(json, backend, shown.front());
    });
}

}  // namespace penstock::control
