#include "snapshot/compile.hpp"

#include "base/assert.hpp"
#include "model/host_pattern.hpp"
#include "snapshot/host_table.hpp"
#include "snapshot/weighted_sequence.hpp"

namespace penstock::snapshot {

namespace {

net::Address address_of(const Backend& backend) {
    std::string_view host = backend.hostname;
    if (host == "localhost") host = "127.0.0.1";  // whatever a resolver says (RFC 6761 section 6.3)
    const auto address = net::Address::parse(host, backend.port);
    PENSTOCK_ASSERT(address.has_value());
    return *address;
}

}  // namespace

std::unique_ptr<Route> compile(const RouteConfig& config, LiveRegistry& registry) {
    auto route = std::make_unique<Route>();
    route->id = config.id;
    route->v_host = config.v_host;
    route->strategy = config.strategy;
    route->abort_on_close = config.abort_on_close;
    route->connect_timeout = config.connect_timeout;
    route->response_timeout = config.response_timeout;
    route->timeout = config.timeout;
    route->tunnel_idle = config.tunnel_idle;
    route->pool_idle = config.pool.idle;
    route->pool_size = config.pool.size;
    route->max_body_bytes = config.max_body_bytes;
    route->upgrades = config.upgrades;
    route->live = registry.hold_route(config.v_host);

    std::vector<std::uint32_t> weights;
    for (const Backend& backend : config.backends) {
        std::string authority = model::authority_of(backend.hostname, backend.port);
        BackendLive* live = registry.hold_backend(config.v_host, authority);
        route->upstreams.push_back(
            {backend.id, std::move(authority), address_of(backend), backend.weight, live});
        weights.push_back(backend.weight);
    }
    route->sequence = weighted_sequence(weights);

    route->keys.push_back(host_key(config.v_host));
    for (const std::string& alias : config.aliases) route->keys.push_back(host_key(alias));
    return route;
}

void release_live(const Route& route, LiveRegistry& registry) {
    registry.release_route(route.v_host);
    for (const Upstream& upstream : route.upstreams) {
        registry.release_backend(route.v_host, upstream.authority);
    }
}

}  // namespace penstock::snapshot
