// Route: one published version of a route's configuration, compiled for the data path.
//
// Immutable. Made and freed by the control thread; a worker that keeps one beyond its loop turn
// holds it through its Reader (reader.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <penstock/config.hpp>

#include "net/address.hpp"
#include "snapshot/live_state.hpp"

namespace penstock::snapshot {

/// One backend of a route.
struct Upstream {
    std::string id;
    std::string authority;  // "host:port" as configured
    net::Address address;
    std::uint32_t weight = 1;
    BackendLive* live = nullptr;
};

struct Route {
    std::string id;
    std::string v_host;
    BalancingStrategy strategy = BalancingStrategy::round_robin;
    bool abort_on_close = false;
    std::optional<std::chrono::milliseconds> connect_timeout;   // empty: the flag's value
    std::optional<std::chrono::milliseconds> response_timeout;  // empty: the flag's value
    std::optional<std::chrono::milliseconds> timeout;           // whole request; empty: none
    std::chrono::milliseconds tunnel_idle{};
    std::chrono::milliseconds pool_idle{};
    std::uint32_t pool_size = 0;        // idle connections kept per worker and backend
    std::uint64_t max_body_bytes = 0;   // 0: no limit
    std::vector<std::string> upgrades;  // lower case
    std::vector<Upstream> upstreams;
    /// Indexes of `upstreams` with weight > 0 in smooth weighted order, each as often as its
    /// reduced weight says.
    std::vector<std::uint16_t> sequence;
    RouteLive* live = nullptr;
    /// Dense number of this version, for the workers' use counts; used again once the version is
    /// freed.
    std::uint32_t slot = 0;
    /// The hosts it answers to, as host_table.hpp keys them; the table points into these.
    std::vector<std::string> keys;
};

}  // namespace penstock::snapshot
