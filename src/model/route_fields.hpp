// Which JSON field is which member: the one list that reading and writing share, in the order of
// SPEC section 3.
//
// `visit(name, member)` is called once a field, `visit.secret(name, member)` for one that is never
// given back. A new field of the API is one line here, one in <penstock/config.hpp> and, until its
// behaviour exists, one in supported.cpp. Pure, any thread.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>

#include <penstock/config.hpp>

namespace penstock::model {

/// A type as it is or const: what a visitor that reads or one that writes is given.
template <class T, class Plain>
concept Either = std::is_same_v<std::remove_const_t<T>, Plain>;

void visit_fields(Either<Backend> auto& backend, auto&& visit) {
    visit("id", backend.id);
    visit("hostname", backend.hostname);
    visit("port", backend.port);
    visit("weight", backend.weight);
    visit("protocol", backend.protocol);
    visit("tls", backend.tls);
    visit("caCert", backend.ca_cert);
    visit("serverName", backend.server_name);
    visit("clientCert", backend.client_cert);
    visit.secret("clientKey", backend.client_key);
    visit("proxyProtocol", backend.proxy_protocol);
}

void visit_fields(Either<ProbeConfig> auto& probe, auto&& visit) {
    visit("path", probe.path);
    visit("timeout", probe.timeout);
}

void visit_fields(Either<HealthConfig> auto& health, auto&& visit) {
    visit("maxFails", health.max_fails);
    visit("failWindow", health.fail_window);
    visit("recheck", health.recheck);
    visit("probe", health.probe);
}

void visit_fields(Either<CircuitConfig> auto& circuit, auto&& visit) {
    visit("errorRate", circuit.error_rate);
    visit("minRequests", circuit.min_requests);
    visit("window", circuit.window);
    visit("open", circuit.open);
}

void visit_fields(Either<PoolConfig> auto& pool, auto&& visit) {
    visit("size", pool.size);
    visit("idle", pool.idle);
}

void visit_fields(Either<SslConfig> auto& ssl, auto&& visit) {
    visit("cert", ssl.cert);
    visit.secret("key", ssl.key);
}

void visit_fields(Either<CertificateConfig> auto& certificate, auto&& visit) {
    visit("domain", certificate.domain);
    visit("cert", certificate.cert);
    visit.secret("key", certificate.key);
    visit("ocsp", certificate.ocsp);
}

void visit_fields(Either<RouteConfig> auto& route, auto&& visit) {
    visit("id", route.id);
    visit("vHost", route.v_host);
    visit("aliases", route.aliases);
    visit("strategy", route.strategy);
    visit("autoHttps", route.auto_https);
    visit("reqActiveLength", route.req_active_length);
    visit("reqQueueLength", route.req_queue_length);
    visit("queueTimeout", route.queue_timeout);
    visit("authProvider", route.auth_provider);
    visit("headers", route.headers);
    visit("responseHeaders", route.response_headers);
    visit("retries", route.retries);
    visit("connectTimeout", route.connect_timeout);
    visit("responseTimeout", route.response_timeout);
    visit("timeout", route.timeout);
    visit("abortOnClose", route.abort_on_close);
    visit("upgrades", route.upgrades);
    visit("maxBodyBytes", route.max_body_bytes);
    visit("health", route.health);
    visit("circuit", route.circuit);
    visit("pool", route.pool);
    visit("tunnelIdle", route.tunnel_idle);
    visit("backends", route.backends);
    visit("ssl", route.ssl);
}

template <class E>
struct Named {
    E value;
    std::string_view name;
};

inline constexpr std::array<Named<BalancingStrategy>, 5> strategy_names{{
    {BalancingStrategy::round_robin, "ROUND_ROBIN"},
    {BalancingStrategy::ip_hash, "IP_HASH"},
    {BalancingStrategy::random, "RANDOM"},
    {BalancingStrategy::least_latency, "LEAST_LATENCY"},
    {BalancingStrategy::least_connections, "LEAST_CONNECTIONS"},
}};

inline constexpr std::array<Named<BackendProtocol>, 3> protocol_names{{
    {BackendProtocol::http1, "http/1.1"},
    {BackendProtocol::h2, "h2"},
    {BackendProtocol::h2c, "h2c"},
}};

constexpr const auto& names_of(BalancingStrategy) noexcept {
    return strategy_names;
}
constexpr const auto& names_of(BackendProtocol) noexcept {
    return protocol_names;
}

}  // namespace penstock::model
