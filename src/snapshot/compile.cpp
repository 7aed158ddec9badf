#include "snapshot/compile.hpp"

#include <algorithm>
#include <string_view>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "model/host_pattern.hpp"
#include "model/validate.hpp"
#include "snapshot/host_table.hpp"
#include "snapshot/weighted_sequence.hpp"

namespace penstock::snapshot {

namespace {

/// Weights over all addresses may not add up to more than this, or the sequence would grow long.
constexpr std::uint64_t longest_sequence = 65'536;

/// How many addresses of each name are used: fewer where their weights would add up to too much.
std::size_t addresses_used(const RouteConfig& config, std::span<const BackendState> states) {
    const std::uint32_t divisor = model::weight_divisor(config.backends);
    for (std::size_t most = most_addresses; most > 1; --most) {
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < states.size(); ++i) {
            total +=
                config.backends[i].weight / divisor * std::min(states[i].addresses.size(), most);
        }
        if (total <= longest_sequence) return most;
    }
    return 1;
}

Upstream upstream_of(const Backend& backend, const net::Address& address, std::string_view v_host,
                     const std::shared_ptr<const BackendTls>& tls) {
    Upstream upstream{.id = backend.id,
                      .authority = model::authority_of(backend.hostname, backend.port),
                      .address = address,
                      .weight = backend.weight,
                      .tls = tls,
                      .protocol = backend.protocol,
                      .proxy_protocol = backend.proxy_protocol};
    upstream.target = upstream.authority;
    if (!model::is_address(backend.hostname)) upstream.target += ' ' + address.endpoint();
    upstream.hash = hash_bytes(upstream.target, hash_bytes(v_host));
    if (tls != nullptr) upstream.target += ' ' + tls->id;
    if (backend.protocol != BackendProtocol::http1) upstream.target += " h2";
    return upstream;
}

void add_upstreams(Route& route, const RouteConfig& config, std::span<const BackendState> states,
                   LiveRegistry& registry) {
    const std::size_t most = addresses_used(config, states);
    for (std::size_t i = 0; i < config.backends.size(); ++i) {
        const std::size_t used = std::min(states[i].addresses.size(), most);
        const auto tls = registry.tls_of(config.backends[i]);
        for (const net::Address& address : std::span(states[i].addresses).first(used)) {
            Upstream upstream = upstream_of(config.backends[i], address, config.v_host, tls);
            upstream.backend = static_cast<std::uint32_t>(i);
            upstream.live = registry.hold_backend(config.v_host, upstream.target);
            upstream.live->health.set_maintenance(states[i].in_maintenance);
            if (!config.circuit) upstream.live->circuit.reset();
            route.upstreams.push_back(std::move(upstream));
        }
    }
}

void lay_out_sequence(Route& route) {
    std::vector<std::uint32_t> weights;
    for (const Upstream& upstream : route.upstreams) {
        weights.push_back(upstream.live->health.is_alive() ? upstream.weight : 0);
    }
    route.sequence = weighted_sequence(weights);
}

}  // namespace

BackendState state_of_literal(const Backend& backend) {
    std::string_view host = backend.hostname;
    if (host == "localhost") host = "127.0.0.1";  // whatever a resolver says (RFC 6761 section 6.3)
    const auto address = net::Address::parse(host, backend.port);
    PENSTOCK_ASSERT(address.has_value());
    return {{*address}, false};
}

std::unique_ptr<Route> compile(const RouteConfig& config, std::span<const BackendState> states,
                               LiveRegistry& registry) {
    PENSTOCK_ASSERT(states.size() == config.backends.size());
    auto route = std::make_unique<Route>();
    route->id = config.id;
    route->v_host = config.v_host;
    route->strategy = config.strategy;
    route->abort_on_close = config.abort_on_close;
    route->auto_https = config.auto_https;
    route->is_guarded = config.auth_provider.has_value();
    route->connect_timeout = config.connect_timeout;
    route->response_timeout = config.response_timeout;
    route->timeout = config.timeout;
    route->tunnel_idle = config.tunnel_idle;
    route->pool_idle = config.pool.idle;
    route->pool_size = config.pool.size;
    route->max_body_bytes = config.max_body_bytes;
    route->upgrades = config.upgrades;
    route->is_gated = config.req_active_length > 0;
    route->queue_timeout = config.queue_timeout;
    route->retries = config.retries;
    route->health = {config.health.max_fails, config.health.fail_window};
    if (config.circuit) {
        route->circuit = {config.circuit->error_rate, config.circuit->min_requests,
                          config.circuit->window, config.circuit->open};
    }
    route->request_edits = FieldEdits(config.headers, config.v_host);
    route->response_edits = FieldEdits(config.response_headers, config.v_host);
    route->live = registry.hold_route(config.v_host);
    route->live->newest.store(route.get(), std::memory_order_relaxed);
    if (!route->is_gated) ++route->live->ungated_versions;

    add_upstreams(*route, config, states, registry);
    lay_out_sequence(*route);

    route->keys.push_back(host_key(config.v_host));
    for (const std::string& alias : config.aliases) route->keys.push_back(host_key(alias));
    return route;
}

void release_live(const Route& route, LiveRegistry& registry) {
    if (!route.is_gated) --route.live->ungated_versions;
    registry.release_route(route.v_host);
    for (const Upstream& upstream : route.upstreams) {
        registry.release_backend(route.v_host, upstream.target);
    }
}

}  // namespace penstock::snapshot
