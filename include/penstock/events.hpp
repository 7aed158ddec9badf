// What a running proxy tells of itself: its routes and certificates, and what becomes of their
// backends.
//
// Plain values of standard types. ProxyManager::on_event() hears all of them, as Event; each has a
// type of its own, and the name that the log and the API give it:
//
//   proxy.on_event([](const penstock::Event& event) {
//       if (const auto* dead = std::get_if<penstock::BackendDead>(&event)) page(dead->v_host);
//   });
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace penstock {

/// When an event happened.
struct EventMark {
    std::uint64_t sequence = 0;  ///< 1, 2, 3 … over all events since the start
    std::chrono::system_clock::time_point time;
};

/// A route has been added, changed (what was put differs from what was there) or removed. Told once
/// that is committed and published.
struct RouteEvent : EventMark {
    std::string v_host;
    std::string id;
};
struct RouteCreated : RouteEvent {
    static constexpr std::string_view name = "route.created";
};
struct RouteChanged : RouteEvent {
    static constexpr std::string_view name = "route.changed";
};
struct RouteDeleted : RouteEvent {
    static constexpr std::string_view name = "route.deleted";
};

/// A certificate has been uploaded for a domain, has taken an earlier one's place, or the domain's
/// have been removed. Those inside routes are told as changes of the route.
struct CertificateEvent : EventMark {
    std::string domain;
    std::string key_kind;     ///< "RSA", "ECDSA" or "EdDSA"
    std::string fingerprint;  ///< SHA-256, hexadecimal
    std::chrono::system_clock::time_point not_after;
};
struct CertificateCreated : CertificateEvent {
    static constexpr std::string_view name = "certificate.created";
};
struct CertificateChanged : CertificateEvent {
    static constexpr std::string_view name = "certificate.changed";
};
struct CertificateDeleted : CertificateEvent {
    static constexpr std::string_view name = "certificate.deleted";
};

/// A backend of a route; where its hostname is a name, one of the addresses behind it.
struct BackendEvent : EventMark {
    std::string v_host;     ///< of its route
    std::string id;         ///< of the backend
    std::string authority;  ///< "hostname:port" as configured
    std::string address;    ///< "10.0.0.1:80"
};
/// Requests found it dead, or an administrator took it out of use: none are sent to it until it is
/// alive again.
struct BackendDead : BackendEvent {
    static constexpr std::string_view name = "backend.dead";
    std::string reason;  ///< of the failure that was one too many; or "maintenance"
};
/// It answers again, or an administrator says so.
struct BackendAlive : BackendEvent {
    static constexpr std::string_view name = "backend.alive";
};
/// Most of its answers are errors: it gets no requests for a while.
struct CircuitOpened : BackendEvent {
    static constexpr std::string_view name = "circuit.opened";
};
/// One request is tried.
struct CircuitHalfOpened : BackendEvent {
    static constexpr std::string_view name = "circuit.half_opened";
};
/// The trial went well.
struct CircuitClosed : BackendEvent {
    static constexpr std::string_view name = "circuit.closed";
};

using Event = std::variant<RouteCreated, RouteChanged, RouteDeleted, CertificateCreated,
                           CertificateChanged, CertificateDeleted, BackendDead, BackendAlive,
                           CircuitOpened, CircuitHalfOpened, CircuitClosed>;

/// "route.created" and so on.
inline std::string_view name_of(const Event& event) noexcept {
    return std::visit([](const auto& which) { return which.name; }, event);
}

/// Its number and time, whatever it is.
inline const EventMark& mark_of(const Event& event) noexcept {
    return std::visit([](const auto& which) -> const EventMark& { return which; }, event);
}

}  // namespace penstock
