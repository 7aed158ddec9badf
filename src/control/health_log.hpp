// HealthLog: one line for each backend that dies, comes back, or whose circuit changes.
//
// Control thread only. Many backends may change at once, and one may change every second: past
// most_lines a second it says how many lines it has left out.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "snapshot/live_change.hpp"

namespace penstock::control {

class HealthLog {
  public:
    static constexpr unsigned most_lines = 20;

    void changed(const snapshot::LiveChange& change, std::string_view v_host,
                 std::string_view backend, TimePoint now);
    void revived(std::string_view v_host, std::string_view backend, TimePoint now);

  private:
    void line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
              TimePoint now);

    TimePoint second_began_{};
    unsigned lines_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace penstock::control
