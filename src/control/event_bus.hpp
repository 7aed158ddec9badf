// ControlEvents: the bus of the control thread: routes, backends and circuits
// (penstock/events.hpp).
//
// One thread at a time: the control thread while it runs, else whoever starts it. Every event gets
// the next number and the time, whether anyone listens or not, so that a listener that comes back
// can tell what it has missed. Requests have a bus of their own, one a worker
// (proxy/request_events.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include <penstock/events.hpp>

#include "base/event_bus.hpp"
#include "snapshot/live_change.hpp"
#include "snapshot/route.hpp"

namespace penstock::control {

class ControlEvents {
  public:
    template <class E>
    Subscription subscribe(std::function<void(const E&)> callback) {
        return bus_.subscribe<E>(std::move(callback));
    }
    /// `callback` takes each kind of event.
    template <class Callback>
    [[nodiscard]] std::vector<Subscription> subscribe_all(const Callback& callback) {
        return bus_.subscribe_all(callback);
    }

    /// Numbers and dates the event, then tells it.
    template <class E>
    void publish(E event) {
        event.sequence = ++last_sequence_;
        event.time = std::chrono::system_clock::now();
        bus_.publish(event);
    }

    /// Of the event that was published last; 0 before the first.
    std::uint64_t last_sequence() const noexcept { return last_sequence_; }

  private:
    template <class Variant>
    struct BusOf;
    template <class... Events>
    struct BusOf<std::variant<Events...>> {
        using Type = EventBus<Events...>;
    };

    BusOf<Event>::Type bus_;
    std::uint64_t last_sequence_ = 0;
};

/// What a worker has reported of a backend, as its event.
void publish_live_change(ControlEvents& events, const snapshot::LiveChange& change,
                         const snapshot::Route& route, const snapshot::Upstream& upstream);
/// An administrator has taken a backend out of use that was alive.
void publish_maintenance(ControlEvents& events, const snapshot::Route& route,
                         const snapshot::Upstream& upstream);
/// The backend answers again, or has been declared alive.
void publish_alive(ControlEvents& events, const snapshot::Route& route,
                   const snapshot::Upstream& upstream);

}  // namespace penstock::control
