#include "model/validate.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "model/field_names.hpp"
#include "model/findings.hpp"
#include "model/host_pattern.hpp"
#include "model/units.hpp"
#include "model/uuid.hpp"

namespace penstock::model {

namespace {

using Names = std::unordered_set<std::string>;

void check_hosts(RouteConfig& route, Findings& findings) {
    Names seen;
    const auto check = [&](std::string& host, const std::string& at) {
        auto canonical = canonical_host_pattern(host);
        if (!canonical) return findings.add(at, std::move(canonical.error().message));
        host = std::move(canonical).value();
        if (!seen.insert(host).second)
            findings.conflict(at, fmt::format("\"{}\" stands in this route twice", host));
    };
    if (route.v_host.empty())
        findings.add("/vHost", "required: the host name, \"*.suffix\" or \"*\"");
    else
        check(route.v_host, "/vHost");
    for (std::size_t i = 0; i < route.aliases.size(); ++i)
        check(route.aliases[i], child_pointer("/aliases", i));
}

void check_upgrades(RouteConfig& route, Findings& findings) {
    Names seen;
    for (std::size_t i = 0; i < route.upgrades.size(); ++i) {
        std::string& protocol = route.upgrades[i];
        const std::string at = child_pointer("/upgrades", i);
        protocol = to_lower(protocol);
        if (!is_token(protocol))
            findings.add(at, "not a protocol name (RFC 9110 section 7.8)");
        else if (protocol == "h2c")
            findings.add(at, "h2c is never upgraded to: it would bypass this proxy's checks");
        else if (!seen.insert(protocol).second)
            findings.add(at, "stands here twice");
    }
}

void check_limits(const RouteConfig& route, Findings& findings) {
    check_duration(route.queue_timeout, "/queueTimeout", findings);
    check_duration(route.connect_timeout, "/connectTimeout", findings);
    check_duration(route.response_timeout, "/responseTimeout", findings);
    check_duration(route.timeout, "/timeout", findings);
    check_duration(route.pool.idle, "/pool/idle", findings);
    check_duration(route.tunnel_idle, "/tunnelIdle", findings);
    if (route.retries > most_retries)
        findings.add("/retries", fmt::format("must be from 0 to {}", most_retries));
    if (route.pool.size > 65'536) findings.add("/pool/size", "must be from 0 to 65536");
    if (route.max_body_bytes > INT64_MAX) findings.add("/maxBodyBytes", "larger than 2^63 - 1");
    if (route.auth_provider && route.auth_provider->empty())
        findings.add("/authProvider", "must not be empty");
}

void check_health(const RouteConfig& route, Findings& findings) {
    check_duration(route.health.fail_window, "/health/failWindow", findings);
    if (route.health.max_fails > most_fails)
        findings.add("/health/maxFails", fmt::format("must be from 0 to {}", most_fails));
    if (route.health.recheck < shortest_recheck) {
        findings.add("/health/recheck",
                     fmt::format("must be at least {}", format_duration(shortest_recheck)));
    } else {
        check_duration(route.health.recheck, "/health/recheck", findings);
    }
    check_duration(route.health.probe.timeout, "/health/probe/timeout", findings);
    const auto& path = route.health.probe.path;
    const auto unfit = [](char c) { return c <= ' ' || c >= 0x7f || c == '#'; };
    if (path && (!path->starts_with('/') || std::any_of(path->begin(), path->end(), unfit))) {
        findings.add("/health/probe/path",
                     "must be a path that begins with \"/\", percent-encoded");
    }
    if (!route.circuit) return;
    if (!(route.circuit->error_rate > 0 && route.circuit->error_rate <= 1)) {
        findings.add("/circuit/errorRate", "must be above 0 and at most 1");
    }
    if (route.circuit->min_requests == 0)
        findings.add("/circuit/minRequests", "must be at least 1");
    if (route.circuit->window < shortest_circuit_window ||
        route.circuit->window > longest_circuit_window) {
        findings.add("/circuit/window",
                     fmt::format("must be from {} to {}", format_duration(shortest_circuit_window),
                                 format_duration(longest_circuit_window)));
    }
    check_duration(route.circuit->open, "/circuit/open", findings);
}

void check_ssl(const RouteConfig& route, Findings& findings) {
    if (!route.ssl) return;
    if (route.ssl->cert.empty()) findings.add("/ssl/cert", "required");
    if (route.ssl->key.empty()) findings.add("/ssl/key", "required");
}

void check_backend_tls(Backend& backend, const std::string& at, Findings& findings) {
    const auto check = [&](const std::optional<std::string>& value, std::string_view name) {
        if (value && !backend.tls)
            findings.add(at + std::string(name), "only together with \"tls\": true");
        else if (value && value->empty())
            findings.add(at + std::string(name), "must not be empty");
    };
    check(backend.ca_cert, "/caCert");
    check(backend.server_name, "/serverName");
    check(backend.client_cert, "/clientCert");
    check(backend.client_key, "/clientKey");
    if (backend.server_name && !backend.server_name->empty()) {
        auto name = canonical_hostname(*backend.server_name);
        if (name)
            backend.server_name = std::move(name).value();
        else
            findings.add(at + "/serverName", std::move(name.error().message));
    }
    if (backend.client_key && !backend.client_cert)
        findings.add(at + "/clientCert", "required beside clientKey");
    if (backend.client_cert && !backend.client_key)
        findings.add(at + "/clientKey", "required beside clientCert");
}

void check_protocol(const Backend& backend, const std::string& at, Findings& findings) {
    if (backend.protocol == BackendProtocol::h2 && !backend.tls)
        findings.add(at + "/protocol", "h2 takes \"tls\": true; without TLS it is h2c");
    if (backend.protocol == BackendProtocol::h2c && backend.tls)
        findings.add(at + "/protocol", "h2c is without TLS; with it, it is h2");
    if (backend.protocol != BackendProtocol::http1 && backend.proxy_protocol != 0) {
        findings.add(at + "/proxyProtocol",
                     "only with http/1.1: an HTTP/2 connection is shared by many clients");
    }
}

void check_backend(Backend& backend, const std::string& at, Findings& findings) {
    check_id(backend.id, at + "/id", findings);
    if (backend.hostname.empty()) {
        findings.add(at + "/hostname", "required: an address or a name");
    } else if (auto canonical = canonical_hostname(backend.hostname)) {
        backend.hostname = std::move(canonical).value();
    } else {
        findings.add(at + "/hostname", std::move(canonical.error().message));
    }
    if (backend.port == 0) findings.add(at + "/port", "required: from 1 to 65535");
    if (backend.weight > heaviest_backend) {
        findings.add(at + "/weight", fmt::format("must be from 0 to {}", heaviest_backend));
    }
    if (backend.proxy_protocol > 2) findings.add(at + "/proxyProtocol", "must be 0 (off), 1 or 2");
    check_backend_tls(backend, at, findings);
    check_protocol(backend, at, findings);
}

void check_backends(RouteConfig& route, Findings& findings) {
    if (route.backends.size() > most_backends) {
        return findings.add("/backends",
                            fmt::format("a route has at most {} backends", most_backends));
    }
    Names ids;
    Names authorities;
    std::uint64_t weights = 0;
    for (std::size_t i = 0; i < route.backends.size(); ++i) {
        Backend& backend = route.backends[i];
        const std::string at = child_pointer("/backends", i);
        check_backend(backend, at, findings);
        weights += backend.weight;
        if (!backend.id.empty() && !ids.insert(backend.id).second) {
            findings.conflict(at + "/id",
                              fmt::format("another backend of this route is \"{}\"", backend.id));
        }
        if (backend.hostname.empty() || backend.port == 0) continue;
        const std::string authority = authority_of(backend.hostname, backend.port);
        if (!authorities.insert(authority).second) {
            findings.conflict(at, fmt::format("another backend of this route is at {}", authority));
        }
    }
    if (weights / weight_divisor(route.backends) > most_weight) {
        findings.add("/backends",
                     fmt::format("the weights, divided by what they share, add up to more than {}",
                                 most_weight));
    }
}

/// What may not stand in one edit of a field; empty where it may.
std::string_view fault_of_edit(std::string_view name, const std::optional<std::string>& value,
                               MessageKind kind) {
    if (!is_token(name)) return "not a field name (RFC 9110 section 5.1)";
    if (const auto why = why_reserved(name, kind, !value); !why.empty()) return why;
    if (!value) return {};
    if (!is_field_value(*value)) return "not a field value (RFC 9110 section 5.5)";
    if (!has_known_placeholders(*value))
        return "unknown placeholder: ${request.id}, ${client.ip} and ${vhost} exist";
    return {};
}

/// A Host that the route sets is one for every request: its own name may stand in it, nothing of
/// the request's.
bool is_host_value(std::string value, std::string_view v_host) {
    constexpr std::string_view mark = "${vhost}";
    for (auto at = value.find(mark); at != value.npos; at = value.find(mark, at + v_host.size()))
        value.replace(at, mark.size(), v_host);
    return is_authority(value);
}

void check_field_edits(const std::map<std::string, std::optional<std::string>>& fields,
                       MessageKind kind, const RouteConfig& route, Findings& findings) {
    const std::string_view at = kind == MessageKind::request ? "/headers" : "/responseHeaders";
    Names seen;
    std::size_t bytes = 0;
    for (const auto& [name, value] : fields) {
        const std::string pointer = child_pointer(at, name);
        bytes += name.size() + (value ? value->size() : 0);
        if (const auto fault = fault_of_edit(name, value, kind); !fault.empty())
            findings.add(pointer, std::string(fault));
        else if (!seen.insert(to_lower(name)).second)
            findings.add(pointer, "stands here twice (case aside)");
        else if (kind == MessageKind::request && value && equals_lower(name, "host") &&
                 !is_host_value(*value, route.v_host))
            findings.add(pointer, "not a host[:port]; only ${vhost} may stand in it");
    }
    if (bytes > most_edit_bytes)
        findings.add(at, fmt::format("longer than {} bytes in all", most_edit_bytes));
}

}  // namespace

FieldErrors validate(RouteConfig& route, std::string_view base) {
    Findings findings(base);
    check_id(route.id, "/id", findings);
    check_hosts(route, findings);
    check_field_edits(route.headers, MessageKind::request, route, findings);
    check_field_edits(route.response_headers, MessageKind::response, route, findings);
    check_limits(route, findings);
    check_upgrades(route, findings);
    check_health(route, findings);
    check_backends(route, findings);
    check_ssl(route, findings);
    return findings.take();
}

FieldErrors validate(CertificateConfig& certificate) {
    Findings findings("");
    if (certificate.domain.empty())
        findings.add("/domain", "required: the host name, \"*.suffix\" or \"*\"");
    else if (auto canonical = canonical_host_pattern(certificate.domain))
        certificate.domain = std::move(canonical).value();
    else
        findings.add("/domain", std::move(canonical.error().message));
    if (certificate.cert.empty()) findings.add("/cert", "required: PEM");
    if (certificate.key.empty()) findings.add("/key", "required: PEM");
    return findings.take();
}

void complete_ids(RouteConfig& route) {
    if (route.id.empty()) route.id = make_uuid();
    for (Backend& backend : route.backends) {
        if (backend.id.empty()) backend.id = make_uuid();
    }
}

FieldErrors find_conflicts(std::span<const RouteConfig> routes) {
    Findings findings("");
    std::unordered_map<std::string, std::size_t> hosts;
    std::unordered_map<std::string, std::size_t> ids;
    const auto claim = [&](auto& names, const std::string& name, std::size_t route,
                           const std::string& at) {
        const auto [holder, fresh] = names.emplace(name, route);
        if (fresh || holder->second == route) return;  // twice in one route is validate's to say
        findings.conflict(at, fmt::format("\"{}\" is taken by /routes/{}", name, holder->second));
    };
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const RouteConfig& route = routes[i];
        const std::string at = child_pointer("/routes", i);
        if (!route.id.empty()) claim(ids, route.id, i, at + "/id");
        claim(hosts, route.v_host, i, at + "/vHost");
        for (std::size_t a = 0; a < route.aliases.size(); ++a) {
            claim(hosts, route.aliases[a], i, child_pointer(at + "/aliases", a));
        }
    }
    return findings.take();
}

std::uint32_t weight_divisor(std::span<const Backend> backends) noexcept {
    std::uint32_t divisor = 0;
    for (const Backend& backend : backends) divisor = std::gcd(divisor, backend.weight);
    return std::max(divisor, 1u);
}

}  // namespace penstock::model
