#include "base/clock.hpp"

#include <ctime>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace penstock {

std::uint64_t unix_milliseconds() noexcept {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return static_cast<std::uint64_t>(wall.tv_sec) * 1'000 +
           static_cast<std::uint64_t>(wall.tv_nsec) / 1'000'000;
}

std::int64_t WallClock::at(TimePoint moment, TimePoint now) noexcept {
    const auto nanoseconds = [](TimePoint point) {
        return std::chrono::nanoseconds(point.time_since_epoch()).count();
    };
    if (now >= valid_until_) {
        timespec wall{};
        ::clock_gettime(CLOCK_REALTIME, &wall);
        ahead_ =
            std::int64_t{wall.tv_sec} * 1'000'000'000 + wall.tv_nsec - nanoseconds(Clock::now());
        valid_until_ = now + std::chrono::seconds(1);
    }
    return nanoseconds(moment) + ahead_;
}

std::string rfc3339(std::uint64_t unix_ms) {
    const auto seconds = static_cast<std::time_t>(unix_ms / 1'000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       unix_ms % 1'000);
}

std::string_view HttpDate::at(TimePoint now) noexcept {
    constexpr std::size_t length = 29;
    if (now >= valid_until_) {
        timespec wall{};
        ::clock_gettime(CLOCK_REALTIME, &wall);
        std::tm parts{};
        ::gmtime_r(&wall.tv_sec, &parts);
        // Not strftime's %a and %b: those follow the process's locale.
        static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::array<char, 64> text{};
        const int written =
            std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                          days[parts.tm_wday], parts.tm_mday, months[parts.tm_mon],
                          parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
        PENSTOCK_ASSERT(written == static_cast<int>(length));
        for (std::size_t i = 0; i < length; ++i) text_[i] = text[i];
        valid_until_ = now + std::chrono::nanoseconds(1'000'000'000 - wall.tv_nsec);
    }
    return {text_.data(), length};
}

}  // namespace penstock
