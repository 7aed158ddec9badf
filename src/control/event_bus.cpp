#include "control/event_bus.hpp"

#include <cstring>
#include <string>

namespace penstock::control {

namespace {

template <class E>
E event_of(const snapshot::Route& route, const snapshot::Upstream& upstream) {
    E event;
    event.v_host = route.v_host;
    event.id = upstream.id;
    event.authority = upstream.authority;
    event.address = upstream.address.endpoint();
    return event;
}

}  // namespace

void publish_live_change(ControlEvents& events, const snapshot::LiveChange& change,
                         const snapshot::Route& route, const snapshot::Upstream& upstream) {
    using Kind = snapshot::LiveChange::Kind;
    switch (change.kind) {
        case Kind::died: {
            auto event = event_of<BackendDead>(route, upstream);
            if (!change.tls_reason.empty())
                event.reason = std::string("TLS: ").append(change.tls_reason);
            else if (change.error == 0)
                event.reason = "closed before it answered";
            else
                event.reason = std::strerror(change.error);
            return events.publish(std::move(event));
        }
        case Kind::circuit_opened:
            return events.publish(event_of<CircuitOpened>(route, upstream));
        case Kind::circuit_half_opened:
            return events.publish(event_of<CircuitHalfOpened>(route, upstream));
        case Kind::circuit_closed:
            return events.publish(event_of<CircuitClosed>(route, upstream));
    }
}

void publish_maintenance(ControlEvents& events, const snapshot::Route& route,
                         const snapshot::Upstream& upstream) {
    auto event = event_of<BackendDead>(route, upstream);
    event.reason = "maintenance";
    events.publish(std::move(event));
}

void publish_alive(ControlEvents& events, const snapshot::Route& route,
                   const snapshot::Upstream& upstream) {
    events.publish(event_of<BackendAlive>(route, upstream));
}

}  // namespace penstock::control
