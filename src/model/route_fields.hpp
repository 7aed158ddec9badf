// Which JSON field is which member, what it is and which values it takes: the one list that
// reading, writing, validation and /openapi.json share, in the order of SPEC section 3.
//
// `visit(name, member, about)` is called once a field, `visit.secret(name, member, about)` for one
// that is never given back. A new field of the API is one entry here, one line in
// <penstock/config.hpp> and, until its behaviour exists, one in supported.cpp. Pure, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <penstock/config.hpp>

#include "model/limits.hpp"

namespace penstock::model {

struct About {
    std::string_view what;          ///< a sentence for people
    std::int64_t least = 0;         ///< of a number, or of a duration's milliseconds
    std::int64_t most = INT64_MAX;  ///< the same; a type's own limit where that is lower
    bool required = false;          ///< what it is by default cannot stand
    bool may_be_zero = false;       ///< a duration: others are 1 ms at least
};

constexpr std::int64_t least_milliseconds(const About& about) noexcept {
    return about.least == 0 && !about.may_be_zero ? 1 : about.least;
}

/// A type as it is or const: what a visitor that reads or one that writes is given.
template <class T, class Plain>
concept Either = std::is_same_v<std::remove_const_t<T>, Plain>;

void visit_fields(Either<Backend> auto& backend, auto&& visit) {
    visit("id", backend.id, About{"Unique in its route; without one it is given a UUID."});
    visit("hostname", backend.hostname,
          About{.what = "An address, or a name that is looked up.", .required = true});
    visit("port", backend.port,
          About{.what = "TCP port.", .least = 1, .most = UINT16_MAX, .required = true});
    visit("weight", backend.weight,
          About{"Its share of the requests; 0: no new ones.", 0, heaviest_backend});
    visit("protocol", backend.protocol,
          About{"What it speaks; h2 takes TLS, h2c is HTTP/2 without."});
    visit("tls", backend.tls, About{"TLS to the backend, its certificate verified."});
    visit("caCert", backend.ca_cert,
          About{"PEM of whom to trust instead of the system's certificates."});
    visit("serverName", backend.server_name,
          About{"Name for SNI and verification instead of the hostname."});
    visit("clientCert", backend.client_cert, About{"PEM chain to show to the backend."});
    visit.secret("clientKey", backend.client_key, About{"PEM key of clientCert."});
    visit("proxyProtocol", backend.proxy_protocol,
          About{"Version of the PROXY header that connections begin with; 0: none.", 0, 2});
}

void visit_fields(Either<ProbeConfig> auto& probe, auto&& visit) {
    visit("path", probe.path,
          About{"GET it from a dead backend; null: a TCP connect is the probe."});
    visit("timeout", probe.timeout, About{"For the whole probe."});
}

void visit_fields(Either<HealthConfig> auto& health, auto&& visit) {
    visit("maxFails", health.max_fails,
          About{"Failures within failWindow that mark a backend dead; 0: never.", 0, most_fails});
    visit("failWindow", health.fail_window, About{"How long a failure counts."});
    visit("recheck", health.recheck,
          About{"Between two probes of a dead backend.", shortest_recheck.count()});
    visit("probe", health.probe, About{"How a dead backend is asked whether it lives."});
}

void visit_fields(Either<CircuitConfig> auto& circuit, auto&& visit) {
    visit("errorRate", circuit.error_rate,
          About{"Share of failures that opens the circuit: above 0, at most 1."});
    visit("minRequests", circuit.min_requests,
          About{"Below that many requests in the window it stays closed.", 1});
    visit("window", circuit.window,
          About{"Over which requests are counted.", shortest_circuit_window.count(),
                longest_circuit_window.count()});
    visit("open", circuit.open, About{"Until an open circuit lets one request try."});
}

void visit_fields(Either<PoolConfig> auto& pool, auto&& visit) {
    visit("size", pool.size,
          About{"Idle connections kept for each worker and backend.", 0, largest_pool});
    visit("idle", pool.idle, About{"How long an idle connection is kept."});
}

void visit_fields(Either<SslConfig> auto& ssl, auto&& visit) {
    visit("cert", ssl.cert,
          About{.what = "PEM chain, the host's own certificate first.", .required = true});
    visit.secret("key", ssl.key, About{"PEM key, without passphrase."});
}

void visit_fields(Either<CertificateConfig> auto& certificate, auto&& visit) {
    visit("domain", certificate.domain,
          About{.what = "Exact, \"*.suffix\", or \"*\" for clients that nothing else fits.",
                .required = true});
    visit("cert", certificate.cert,
          About{.what = "PEM chain, the domain's own certificate first.", .required = true});
    visit.secret("key", certificate.key, About{"PEM key, without passphrase."});
    visit("ocsp", certificate.ocsp, About{"OCSP response to be stapled: base64 of its DER."});
}

void visit_fields(Either<RouteConfig> auto& route, auto&& visit) {
    visit("id", route.id, About{"Unique; without one it is given a UUID."});
    visit("vHost", route.v_host,
          About{.what = "The host: exact, \"*.suffix\", or \"*\" for what nothing else fits.",
                .required = true});
    visit("aliases", route.aliases, About{"Further hosts, in the same forms."});
    visit("strategy", route.strategy, About{"How a request's backend is chosen."});
    visit("autoHttps", route.auto_https,
          About{"Plain HTTP is redirected, where there is a certificate."});
    visit("reqActiveLength", route.req_active_length,
          About{"Requests under way at once; 0: no limit."});
    visit("reqQueueLength", route.req_queue_length,
          About{"Requests that may wait for a place among these."});
    visit("queueTimeout", route.queue_timeout, About{"How long one may wait."});
    visit("authProvider", route.auth_provider,
          About{"Id of the auth provider that requests must pass."});
    visit("headers", route.headers,
          About{"Request fields to set; null removes. ${request.id}, ${client.ip} and ${vhost} "
                "stand for values."});
    visit("responseHeaders", route.response_headers,
          About{"The same for the fields of responses."});
    visit("retries", route.retries,
          About{"Further tries of a request that failed and may be repeated.", 0, most_retries});
    visit("connectTimeout", route.connect_timeout,
          About{"TCP connect to a backend; null: the process's flag."});
    visit("responseTimeout", route.response_timeout,
          About{"Last request byte to response head; null: the process's flag."});
    visit("timeout", route.timeout, About{"For a whole request; null: none."});
    visit("abortOnClose", route.abort_on_close,
          About{"A request ends at its backend when its client leaves."});
    visit("upgrades", route.upgrades, About{"Protocols that Upgrade may ask for."});
    visit("maxBodyBytes", route.max_body_bytes,
          About{"Of a request's body (413); 0: no limit.", 0, INT64_MAX});
    visit("health", route.health, About{"When a backend is dead, and when alive again."});
    visit("circuit", route.circuit,
          About{"When a backend is left alone for a while; null: never."});
    visit("pool", route.pool, About{"Connections kept to the backends."});
    visit("tunnelIdle", route.tunnel_idle,
          About{"Silence that ends a WebSocket or another tunnel."});
    visit("backends", route.backends, About{"Where requests go."});
    visit("ssl", route.ssl, About{"The certificate of these hosts; null: an uploaded one."});
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
