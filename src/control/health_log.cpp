#include "control/health_log.hpp"

#include <cstring>

namespace penstock::control {

void HealthLog::changed(const snapshot::LiveChange& change, std::string_view v_host,
                        std::string_view backend, TimePoint now) {
    using Kind = snapshot::LiveChange::Kind;
    switch (change.kind) {
        case Kind::died: {
            const char* const reason =
                change.error == 0 ? "closed before it answered" : std::strerror(change.error);
            return line(LogLevel::warn, "backend dead",
                        {{"vhost", v_host}, {"backend", backend}, {"reason", reason}}, now);
        }
        case Kind::circuit_opened:
            return line(LogLevel::warn, "circuit open", {{"vhost", v_host}, {"backend", backend}},
                        now);
        case Kind::circuit_half_opened:
            return line(LogLevel::info, "circuit half open",
                        {{"vhost", v_host}, {"backend", backend}}, now);
        case Kind::circuit_closed:
            return line(LogLevel::info, "circuit closed", {{"vhost", v_host}, {"backend", backend}},
                        now);
    }
}

void HealthLog::revived(std::string_view v_host, std::string_view backend, TimePoint now) {
    line(LogLevel::info, "backend alive", {{"vhost", v_host}, {"backend", backend}}, now);
}

void HealthLog::line(LogLevel level, std::string_view message,
                     std::initializer_list<LogField> fields, TimePoint now) {
    if (now - second_began_ >= std::chrono::seconds(1)) {
        if (left_out_ > 0) log(LogLevel::warn, "health changes not logged", {{"count", left_out_}});
        second_began_ = now;
        lines_ = 0;
        left_out_ = 0;
    }
    if (lines_ < most_lines) {
        ++lines_;
        log(level, message, fields);
    } else {
        ++left_out_;
    }
}

}  // namespace penstock::control
