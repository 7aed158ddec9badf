// Metered: the routes and backends that /metrics shows by name, and the rest in one row.
//
// Control thread only. There are bounds on both, so that neither Prometheus nor the control thread
// is drowned by 100,000 routes. Every request is counted in exactly one row: the one of its route
// from the moment that the route has a name here, else the rest's; rows of routes never go down,
// and what a route has counted leaves with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/configuration.hpp"
#include "control/metrics/tally.hpp"
#include "snapshot/live_state.hpp"

namespace penstock::control {

/// A row with its labels: `vhost="a.example"`.
struct MeteredRow {
    std::string labels;
    Tally tally;
    Levels levels;
};

/// A backend as it is configured: all addresses behind its name.
struct MeteredBackend : MeteredRow {
    /// One address.
    struct Target {
        snapshot::BackendName name;
        Meter meter;
        Tally last;
    };

    std::string authority;
    std::vector<Target> targets;
    Tally gone;  // of addresses that it had
    // The best of its addresses.
    bool is_alive = false;
    bool in_maintenance = false;
    bool is_circuit_open = false;
    std::uint64_t failures = 0;
};

struct MeteredRoute : MeteredRow {
    Meter meter;
    Tally base;  // what it had counted when it got its name here
    std::vector<MeteredBackend> backends;
    // Of its gate.
    std::uint64_t gate_active = 0;
    std::uint64_t gate_queued = 0;
    std::uint64_t most_active = 0;  // 0: no limit
    std::uint64_t most_queued = 0;
};

class Metered {
  public:
    struct Bounds {
        std::size_t routes;
        std::size_t backends;  // of all those routes
    };
    using Routes = std::map<std::string, MeteredRoute, std::less<>>;  // by vHost

    Metered(const Configuration& configuration, Bounds bounds);
    Metered(const Metered&) = delete;
    Metered& operator=(const Metered&) = delete;

    /// Names the route where there is room; false where there is none, or no such route.
    bool add(const std::string& v_host, TimePoint now);
    /// Its requests are the rest's from now on.
    void remove(const std::string& v_host);
    /// Names all there is room for, in the order of their vHosts.
    void fill(TimePoint now);

    /// Every Meter::gather_seconds.
    void gather(TimePoint now);
    /// Brings all rows up to date.
    void refresh(TimePoint now);

    const Bounds& bounds() const noexcept { return bounds_; }
    const Routes& routes() const noexcept { return routes_; }
    const MeteredRow& everything() const noexcept { return everything_; }
    const MeteredRow& rest() const noexcept { return rest_; }
    /// Backends of named routes for which there was no room.
    std::size_t backends_left_out() const noexcept { return left_out_; }

  private:
    void refresh_route(const RouteConfig& config, const snapshot::Route& route, MeteredRoute& row,
                       TimePoint now);
    void refresh_backends(const snapshot::Route& route, MeteredRoute& row, TimePoint now);
    void sync_backends(const snapshot::Route& route, MeteredRoute& row);
    void refresh_backend(const snapshot::Route& route, MeteredBackend& backend, TimePoint now);
    const snapshot::Totals& totals() const { return configuration_.totals(); }

    const Configuration& configuration_;
    const Bounds bounds_;
    Routes routes_;
    std::size_t backends_ = 0;
    std::size_t left_out_ = 0;
    Meter meter_;  // of everything
    MeteredRow everything_;
    MeteredRow rest_;
    Tally gone_;  // of routes that had a name
};

}  // namespace penstock::control
