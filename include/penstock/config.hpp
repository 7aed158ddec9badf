// The configuration model: routes and backends as plain values (SPEC section 3).
//
// Standard types only, so that an embedding program needs no other header. Values are inert: the
// control thread validates them and compiles them into a snapshot. Durations are milliseconds; an
// empty optional means "the process-wide flag's value".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

enum class BalancingStrategy : std::uint8_t {
    round_robin,
    ip_hash,
    random,
    least_latency,
    least_connections,
};

enum class BackendProtocol : std::uint8_t { http1, h2, h2c };

/// One upstream server of a route.
struct Backend {
    std::string id;        ///< unique in its route; empty: a UUID is given
    std::string hostname;  ///< an address or a name
    std::uint16_t port = 0;
    std::uint32_t weight = 1;  ///< 0..1000; 0 takes no new requests
    BackendProtocol protocol = BackendProtocol::http1;
    bool tls = false;
    std::optional<std::string> ca_cert;  ///< PEM
    std::optional<std::string> server_name;
    std::optional<std::string> client_cert;  ///< PEM
    std::optional<std::string> client_key;   ///< PEM
    std::uint8_t proxy_protocol = 0;         ///< 0 off, 1 or 2

    bool operator==(const Backend&) const = default;
};

/// How a dead backend is asked whether it lives again.
struct ProbeConfig {
    std::optional<std::string> path;  ///< GET it; empty: a TCP connect is the probe
    std::chrono::milliseconds timeout{2'000};

    bool operator==(const ProbeConfig&) const = default;
};

struct HealthConfig {
    std::uint32_t max_fails = 1;  ///< 0: never marked dead
    std::chrono::milliseconds fail_window{10'000};
    std::chrono::milliseconds recheck{60'000};
    ProbeConfig probe;

    bool operator==(const HealthConfig&) const = default;
};

struct CircuitConfig {
    double error_rate = 0.5;  ///< 0..1
    std::uint32_t min_requests = 20;
    std::chrono::milliseconds window{10'000};
    std::chrono::milliseconds open{30'000};

    bool operator==(const CircuitConfig&) const = default;
};

struct PoolConfig {
    std::uint32_t size = 256;  ///< idle connections kept per worker and backend
    std::chrono::milliseconds idle{4'000};

    bool operator==(const PoolConfig&) const = default;
};

struct SslConfig {
    std::string cert;  ///< PEM chain
    std::string key;   ///< PEM; write-only

    bool operator==(const SslConfig&) const = default;
};

/// A certificate for a domain. One of each kind of key (RSA, ECDSA, EdDSA) stands beside the
/// others; one of the same kind takes the earlier one's place.
struct CertificateConfig {
    std::string domain;  ///< exact, "*.suffix", or "*": for clients that nothing else fits
    std::string cert;    ///< PEM chain, the domain's own first
    std::string key;     ///< PEM, without passphrase; write-only
    std::optional<std::string> ocsp;  ///< a response to be stapled: base64 of its DER

    bool operator==(const CertificateConfig&) const = default;
};

/// A virtual host and what becomes of its requests.
struct RouteConfig {
    std::string id;      ///< empty: a UUID is given
    std::string v_host;  ///< exact, "*.suffix" or "*"; lower case
    std::vector<std::string> aliases;
    BalancingStrategy strategy = BalancingStrategy::round_robin;
    bool auto_https = false;
    std::uint32_t req_active_length = 0;  ///< 0: no limit
    std::uint32_t req_queue_length = 0;
    std::chrono::milliseconds queue_timeout{30'000};
    std::optional<std::string> auth_provider;
    std::map<std::string, std::optional<std::string>>
        headers;  ///< an empty optional removes the field
    std::map<std::string, std::optional<std::string>> response_headers;
    std::uint32_t retries = 2;
    std::optional<std::chrono::milliseconds> connect_timeout;
    std::optional<std::chrono::milliseconds> response_timeout;
    std::optional<std::chrono::milliseconds> timeout;
    bool abort_on_close = false;
    std::vector<std::string> upgrades{"websocket"};  ///< lower case
    std::uint64_t max_body_bytes = 0;                ///< 0: no limit
    HealthConfig health;
    std::optional<CircuitConfig> circuit = CircuitConfig{};  ///< empty: off
    PoolConfig pool;
    std::chrono::milliseconds tunnel_idle{300'000};
    std::vector<Backend> backends;
    std::optional<SslConfig> ssl;

    bool operator==(const RouteConfig&) const = default;
};

}  // namespace penstock
