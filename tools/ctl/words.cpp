#include "ctl/words.hpp"

#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "base/clock.hpp"

namespace penstock::ctl {

namespace {

constexpr std::int64_t few_days = 30;
constexpr std::int64_t seconds_a_day = 86'400;

}  // namespace

Cell against_limit(std::uint64_t count, std::uint64_t limit) {
    if (limit == 0) return Cell(std::to_string(count));
    const bool is_near = count >= limit - limit / 10;
    return Cell(fmt::format("{}/{}", count, limit), is_near ? Tone::warning : Tone::plain);
}

Cell state_cell(const std::string& state) {
    const Tone tone = state == "alive"         ? Tone::good
                      : state == "dead"        ? Tone::bad
                      : state == "maintenance" ? Tone::warning
                                               : Tone::plain;
    return Cell(state, tone);
}

Cell health_cell(JsonView backends) {
    std::size_t alive = 0;
    const auto all = backends.items();
    for (const JsonView backend : all) alive += backend["state"].text() == "alive" ? 1 : 0;
    const Tone tone = alive == all.size() ? Tone::good : alive == 0 ? Tone::bad : Tone::warning;
    return Cell(fmt::format("{}/{} alive", alive, all.size()), tone);
}

std::string milliseconds(double ms) {
    if (ms >= 1'000) return fmt::format("{:.1f} s", ms / 1'000);
    return ms >= 10 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.2f} ms", ms);
}

std::string latency(JsonView numbers, std::string_view which) {
    return numbers["count"].count() == 0 ? std::string() : milliseconds(numbers[which].number());
}

std::string bytes(double count) {
    constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    for (; count >= 1'024 && unit + 1 < std::size(units); ++unit) count /= 1'024;
    return unit == 0 || count >= 10 ? fmt::format("{:.0f} {}", count, units[unit])
                                    : fmt::format("{:.1f} {}", count, units[unit]);
}

std::string rate(double a_second) {
    return a_second >= 10 ? fmt::format("{:.0f}/s", a_second) : fmt::format("{:.1f}/s", a_second);
}

std::string age(std::uint64_t seconds) {
    const std::uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days > 0) return fmt::format("{}d {}h", days, hours % 24);
    if (hours > 0) return fmt::format("{}h {}m", hours, minutes % 60);
    if (minutes > 0) return fmt::format("{}m {}s", minutes, seconds % 60);
    return fmt::format("{}s", seconds);
}

std::string joined(JsonView texts) {
    std::string all;
    for (const JsonView text : texts.items()) {
        if (!all.empty()) all += ", ";
        all += text.text();
    }
    return all;
}

std::string joined_names(JsonView objects) {
    std::string all;
    for (const JsonView object : objects.items()) {
        if (!all.empty()) all += ", ";
        for (const char* key : {"name", "kid", "id"}) {
            if (!object[key].exists()) continue;
            all += object[key].text();
            break;
        }
    }
    return all;
}

std::int64_t days_until(std::string_view when) {
    std::tm parts{};
    const std::string text(when);
    if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return 0;
    const auto now = static_cast<std::int64_t>(unix_milliseconds() / 1'000);
    const double left = static_cast<double>(::timegm(&parts) - now);
    return static_cast<std::int64_t>(std::floor(left / seconds_a_day));
}

Cell days_cell(std::int64_t days) {
    if (days < 0) return Cell("expired", Tone::bad);
    return Cell(std::to_string(days), days < few_days ? Tone::warning : Tone::plain);
}

}  // namespace penstock::ctl
