// The process's own log: one line an event on stderr, as JSON or text. Not the access log.
//
// Any thread: a line leaves in one write(2). Never on the path of a healthy request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace penstock {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };
enum class LogFormat : std::uint8_t { text, json };

struct LogField {
    std::string_view key;
    std::variant<std::string_view, std::int64_t> value;

    LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
    LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
    template <std::integral I>
    LogField(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

/// Set once, before threads start.
void configure_log(LogLevel least, LogFormat format) noexcept;

void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields = {}) noexcept;

/// To stderr, where somebody reads that: never waits. Any thread.
void write_error_line(std::string_view line) noexcept;

/// Lets one event through a period, so that a fault that repeats cannot flood the log. Any
/// thread.
class LogLimit {
  public:
    explicit LogLimit(std::chrono::seconds period = std::chrono::seconds(1)) : period_(period) {}
    bool allows(std::chrono::steady_clock::time_point now) noexcept {
        auto next = next_.load(std::memory_order_relaxed);
        return now.time_since_epoch() >= next &&
               next_.compare_exchange_strong(next, now.time_since_epoch() + period_,
                                             std::memory_order_relaxed);
    }

  private:
    std::chrono::seconds period_;
    std::atomic<std::chrono::steady_clock::duration> next_{};
};

}  // namespace penstock
