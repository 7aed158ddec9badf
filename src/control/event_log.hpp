// EventLog: a line of the process's log for each event of the control thread. A subscriber like any
// other.
//
// Control thread only. What goes wrong with a backend is a warning, its return information, a
// change of a certificate too, and a change of a route a debug line (the API's audit lines tell who
// made it). Many backends may change
// at once, and one many times: past most_lines a second it says how many lines it has left out.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/event_bus.hpp"

namespace penstock::control {

class EventLog {
  public:
    static constexpr unsigned most_lines = 20;

    /// `events` outlive it.
    explicit EventLog(ControlEvents& events);
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;

  private:
    void write(const RouteEvent& event, std::string_view name);
    void write(const CertificateEvent& event, std::string_view name);
    void write(const BackendEvent& event, std::string_view name, LogLevel level,
               std::string_view reason);
    bool has_room();

    TimePoint second_began_{};
    unsigned lines_ = 0;
    std::uint64_t left_out_ = 0;
    std::vector<Subscription> subscriptions_;
};

}  // namespace penstock::control
