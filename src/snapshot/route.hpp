// Route: one published version of a route's configuration, compiled for the data path.
//
// Immutable. Made and freed by the control thread; a worker that keeps one beyond its loop turn
// holds it through its Reader (reader.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/config.hpp>

#include "net/address.hpp"
#include "snapshot/auth_provider.hpp"
#include "snapshot/backend_tls.hpp"
#include "snapshot/certificates.hpp"
#include "snapshot/field_edits.hpp"
#include "snapshot/live_state.hpp"

namespace penstock::snapshot {

/// One address of one backend of a route: what a request is sent to.
struct Upstream {
    std::string id;         // of the backend
    std::string authority;  // "host:port" as configured
    net::Address address;
    std::uint32_t weight = 1;
    std::uint32_t backend = 0;  // its place in RouteConfig::backends
    std::uint64_t hash = 0;     // of vHost, host:port and, behind a name, the address: for IP_HASH
    std::string target;         // what its live state is known by
    std::shared_ptr<const BackendTls> tls;  // null: plain
    BackendProtocol protocol = BackendProtocol::http1;
    std::uint8_t proxy_protocol = 0;  // the version of the header it is sent first; 0: none
    BackendLive* live = nullptr;
};

struct Route {
    std::string id;
    std::string v_host;
    BalancingStrategy strategy = BalancingStrategy::round_robin;
    bool abort_on_close = false;
    /// Plain requests are sent to https once there is a certificate for their host.
    bool auto_https = false;
    /// Nobody gets in whom `auth` has not let in: where that is null, because there is no such
    /// provider, nobody at all.
    bool is_guarded = false;
    AuthProviderPtr auth;
    /// Its own (`ssl`); null where it has none. Those that were uploaded for its names are found in
    /// Snapshot::certificates().
    CertificatePtr certificate;
    /// Requests in flight over all workers (the gate in `live` has the number); false: no limit.
    bool is_gated = false;
    std::chrono::milliseconds queue_timeout{};
    std::uint32_t retries = 0;
    HealthLimits health;
    std::optional<CircuitLimits> circuit;  // empty: off
    FieldEdits request_edits;
    FieldEdits response_edits;
    std::optional<std::chrono::milliseconds> connect_timeout;   // empty: the flag's value
    std::optional<std::chrono::milliseconds> response_timeout;  // empty: the flag's value
    std::optional<std::chrono::milliseconds> timeout;           // whole request; empty: none
    std::chrono::milliseconds tunnel_idle{};
    std::chrono::milliseconds pool_idle{};
    std::uint32_t pool_size = 0;        // idle connections kept per worker and backend
    std::uint64_t max_body_bytes = 0;   // 0: no limit
    std::vector<std::string> upgrades;  // lower case
    std::vector<Upstream> upstreams;
    /// Indexes of `upstreams` that have weight and were alive when this version was made, in smooth
    /// weighted order, each as often as its reduced weight says.
    std::vector<std::uint16_t> sequence;
    RouteLive* live = nullptr;
    /// Dense number of this version, for the workers' use counts; used again once the version is
    /// freed.
    std::uint32_t slot = 0;
    /// The hosts it answers to, as host_table.hpp keys them; the table points into these.
    std::vector<std::string> keys;
};

}  // namespace penstock::snapshot
