#include "model/units.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace penstock::model {

namespace {

using std::chrono::milliseconds;

struct Quantity {
    std::uint64_t number;
    std::string_view unit;
};

std::optional<Quantity> split(std::string_view text) {
    const auto first_other = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto digits = static_cast<std::size_t>(first_other - text.begin());
    const auto number = parse_decimal(text.substr(0, digits));
    if (!number) return std::nullopt;
    return Quantity{*number, text.substr(digits)};
}

std::optional<std::int64_t> unit_ms(std::string_view unit) {
    if (unit == "ms") return 1;
    if (unit == "s") return 1'000;
    if (unit == "m") return 60'000;
    if (unit == "h") return 3'600'000;
    return std::nullopt;
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
    const auto quantity = split(text);
    if (quantity && quantity->unit.empty()) {
        return Failure{
            Error{fmt::format(R"(a duration needs a unit: "{}ms" or "{}s"?)", text, text)}};
    }
    const auto unit = quantity ? unit_ms(quantity->unit) : std::nullopt;
    if (!unit) return Failure{Error{R"(not a duration: write "500ms", "60s", "5m" or "1h")"}};
    if (quantity->number > static_cast<std::uint64_t>(longest_duration.count() / *unit)) {
        return Failure{Error{fmt::format("longer than {}", format_duration(longest_duration))}};
    }
    return milliseconds(static_cast<std::int64_t>(quantity->number) * *unit);
}

std::string format_duration(milliseconds duration) {
    const std::int64_t ms = duration.count();
    if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
    if (ms > 60'000 && ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
    if (ms % 1'000 == 0) return fmt::format("{}s", ms / 1'000);
    return fmt::format("{}ms", ms);
}

Result<std::uint64_t> parse_size(std::string_view text) {
    const auto quantity = split(text);
    int shift = -1;
    if (quantity) {
        if (quantity->unit.empty())
            shift = 0;
        else if (equals_lower(quantity->unit, "k"))
            shift = 10;
        else if (equals_lower(quantity->unit, "m"))
            shift = 20;
        else if (equals_lower(quantity->unit, "g"))
            shift = 30;
    }
    if (shift < 0) return Failure{Error{R"(not a size: write "4096", "16k", "64m" or "1g")"}};
    if (quantity->number > (UINT64_MAX >> 1 >> shift))
        return Failure{Error{"larger than 2^63 - 1"}};
    return quantity->number << shift;
}

}  // namespace penstock::model
