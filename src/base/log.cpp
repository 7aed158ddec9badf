#include "base/log.hpp"

#include <atomic>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/json_text.hpp"

namespace penstock {

namespace {

std::atomic<LogLevel> least_level{LogLevel::info};
std::atomic<LogFormat> line_format{LogFormat::text};

constexpr std::string_view names[] = {"debug", "info", "warn", "error"};

std::string render(LogLevel level, std::string_view message,
                   std::initializer_list<LogField> fields) {
    const bool json = line_format.load(std::memory_order_relaxed) == LogFormat::json;
    const std::string_view name = names[static_cast<std::size_t>(level)];
    std::string line;
    if (json) {
        line = fmt::format(R"({{"time":"{}","level":"{}","message":)", rfc3339(unix_milliseconds()),
                           name);
        append_json_string(line, message);
    } else {
        line = fmt::format("{} {:<5} {}", rfc3339(unix_milliseconds()), name, message);
    }
    for (const LogField& field : fields) {
        line += json ? ',' : ' ';
        if (json)
            append_json_string(line, field.key);
        else
            line += field.key;
        line += json ? ':' : '=';
        if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
            line += std::to_string(*number);
        } else {
            append_json_string(line, std::get<std::string_view>(field.value));
        }
    }
    line += json ? "}\n" : "\n";
    return line;
}

}  // namespace

void configure_log(LogLevel least, LogFormat format) noexcept {
    least_level.store(least, std::memory_order_relaxed);
    line_format.store(format, std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) noexcept {
    if (level < least_level.load(std::memory_order_relaxed)) return;
    // A log that cannot be written, or that nobody reads, must not stop the work it tells of.
    write_error_line(render(level, message, fields));
}

void write_error_line(std::string_view line) noexcept {
    pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace penstock
