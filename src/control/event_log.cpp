#include "control/event_log.hpp"

#include <string_view>
#include <type_traits>

namespace penstock::control {

namespace {

template <class E>
constexpr LogLevel level_of =
    std::is_same_v<E, BackendDead> || std::is_same_v<E, CircuitOpened> ? LogLevel::warn
                                                                       : LogLevel::info;

}  // namespace

EventLog::EventLog(ControlEvents& events) {
    subscriptions_ = events.subscribe_all([this](const auto& event) {
        using E = std::remove_cvref_t<decltype(event)>;
        if constexpr (std::is_base_of_v<RouteEvent, E> || std::is_base_of_v<CertificateEvent, E>)
            write(event, E::name);
        else if constexpr (std::is_same_v<E, BackendDead>)
            write(event, E::name, level_of<E>, event.reason);
        else
            write(event, E::name, level_of<E>, {});
    });
}

void EventLog::write(const RouteEvent& event, std::string_view name) {
    log(LogLevel::debug, name, {{"event", event.sequence}, {"vhost", event.v_host}});
}

void EventLog::write(const CertificateEvent& event, std::string_view name) {
    if (!has_room()) return;
    log(LogLevel::info, name,
        {{"event", event.sequence},
         {"domain", event.domain},
         {"key_kind", event.key_kind},
         {"fingerprint", event.fingerprint}});
}

void EventLog::write(const BackendEvent& event, std::string_view name, LogLevel level,
                     std::string_view reason) {
    if (!has_room()) return;
    const LogField vhost("vhost", event.v_host);
    const LogField backend("backend", event.authority);
    const LogField address("address", event.address);
    const LogField number("event", event.sequence);
    if (reason.empty())
        log(level, name, {number, vhost, backend, address});
    else
        log(level, name, {number, vhost, backend, address, {"reason", reason}});
}

/// False where this second has had its lines.
bool EventLog::has_room() {
    const TimePoint now = Clock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
        if (left_out_ > 0) log(LogLevel::warn, "events not logged", {{"count", left_out_}});
        second_began_ = now;
        lines_ = 0;
        left_out_ = 0;
    }
    if (lines_ == most_lines) {
        ++left_out_;
        return false;
    }
    ++lines_;
    return true;
}

}  // namespace penstock::control
