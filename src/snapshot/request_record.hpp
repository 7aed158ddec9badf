// What is known of a request, and of one attempt at a backend, when it has ended.
//
// Plain values of the worker's thread: the exchange fills them, whoever listens reads them during
// the call. Durations have the granularity of a loop turn, for they are differences of its clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "snapshot/route.hpp"

namespace penstock::snapshot {

/// What went wrong on our side or towards the backend: the error types of RFC 9209 section 2.3.
enum class ErrorKind : std::uint8_t {
    none,
    dns_error,
    dns_timeout,
    destination_unavailable,
    destination_ip_unroutable,
    connection_refused,
    connection_timeout,
    connection_terminated,
    connection_limit_reached,
    http_request_error,
    http_request_denied,
    http_protocol_error,
    http_response_incomplete,
    http_response_timeout,
    tls_protocol_error,
    tls_certificate_error,
    tls_alert_received,
    proxy_loop_detected,
    proxy_internal_error,
    other,
};
inline constexpr std::size_t error_kinds = static_cast<std::size_t>(ErrorKind::other) + 1;

/// By ErrorKind, as Proxy-Status has them; the first and the last are no types of the RFC.
inline constexpr std::array<std::string_view, error_kinds> error_names{
    "none",
    "dns_error",
    "dns_timeout",
    "destination_unavailable",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_timeout",
    "connection_terminated",
    "connection_limit_reached",
    "http_request_error",
    "http_request_denied",
    "http_protocol_error",
    "http_response_incomplete",
    "http_response_timeout",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "proxy_loop_detected",
    "proxy_internal_error",
    "other",
};

/// none for an empty name, other for one that is not listed.
constexpr ErrorKind error_kind_of(std::string_view name) noexcept {
    if (name.empty()) return ErrorKind::none;
    for (std::size_t i = 1; i < error_kinds; ++i) {
        if (error_names[i] == name) return static_cast<ErrorKind>(i);
    }
    return ErrorKind::other;
}

/// How a request ended (SPEC section 4).
enum class Outcome : std::uint8_t {
    completed,  // a final response was wholly delivered, our own 502 and 504 included
    rejected,   // answered by us before dispatch
    aborted,    // either side left first
};

constexpr std::string_view name_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::completed:
            return "completed";
        case Outcome::rejected:
            return "rejected";
        case Outcome::aborted:
            break;
    }
    return "aborted";
}

struct RequestRecord {
    const Route* route = nullptr;        // null: no route matched, or no head could be read
    const Upstream* upstream = nullptr;  // tried last; null: none
    Outcome outcome = Outcome::completed;
    ErrorKind error = ErrorKind::none;
    std::uint16_t status = 0;  // that the client was sent, wholly or in part; 0: none
    std::uint16_t retries = 0;
    std::uint8_t minor_version = 1;  // of the client's HTTP/1
    bool tunnelled = false;          // the backend switched protocols
    TimePoint started{};             // its head was there
    TimePoint now{};
    std::uint64_t bytes_in = 0;   // of the client: body bytes received
    std::uint64_t bytes_out = 0;  // to the client: body bytes sent; with a tunnel's, both ways
    // Empty where that phase did not occur. Their sum is less than the total.
    std::optional<Duration> queue;       // waited for a slot
    std::optional<Duration> connect;     // to the backend; not where a kept connection was used
    std::optional<Duration> first_byte;  // from the request's dispatch to the final response's head
    Duration total() const noexcept { return now - started; }
};

/// How an attempt at a backend ended.
enum class AttemptOutcome : std::uint8_t {
    completed,  // the backend's final response was wholly read
    failed,     // no final response came: not connected, reset, malformed, too late
    aborted,    // given up or cut short otherwise: the client left, the body broke off
};

struct AttemptRecord {
    AttemptOutcome outcome = AttemptOutcome::completed;
    ErrorKind error = ErrorKind::none;
    std::uint16_t status = 0;  // of the backend's final response; 0: none came
    bool tunnelled = false;
    TimePoint started{};  // picked
    TimePoint now{};
    std::uint64_t bytes_in = 0;   // body bytes sent to the backend
    std::uint64_t bytes_out = 0;  // body bytes received from it
    std::optional<Duration> connect;
    std::optional<Duration> first_byte;
    Duration total() const noexcept { return now - started; }
};

}  // namespace penstock::snapshot
