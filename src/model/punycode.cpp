#include "model/punycode.hpp"

#include <algorithm>
#include <cstdint>

namespace penstock::model {

namespace {

constexpr std::uint32_t base = 36;
constexpr std::uint32_t t_min = 1;
constexpr std::uint32_t t_max = 26;
constexpr std::uint32_t skew = 38;
constexpr std::uint32_t damp = 700;
constexpr std::uint32_t initial_bias = 72;
constexpr std::uint32_t initial_n = 0x80;

constexpr std::uint32_t no_digit = base;

constexpr std::uint32_t digit_of(char c) noexcept {
    if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a');
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0' + 26);
    return no_digit;
}

/// RFC 3492 section 6.1.
constexpr std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) noexcept {
    delta = first ? delta / damp : delta / 2;
    delta += delta / points;
    std::uint32_t k = 0;
    for (; delta > ((base - t_min) * t_max) / 2; k += base) delta /= base - t_min;
    return k + (base - t_min + 1) * delta / (delta + skew);
}

}  // namespace

// RFC 3492 section 6.2, without the output: only the code points are of interest. Labels have at
// most 59 characters here, so 64-bit arithmetic needs one bound a digit to stay exact.
bool is_punycode(std::string_view label) noexcept {
    const std::size_t delimiter = label.rfind('-');
    std::uint32_t points =
        delimiter == std::string_view::npos ? 0 : static_cast<std::uint32_t>(delimiter);
    std::size_t at = delimiter == std::string_view::npos ? 0 : delimiter + 1;
    if (at == label.size()) return false;  // nothing but ASCII: not what an A-label is for

    std::uint64_t n = initial_n;
    std::uint64_t i = 0;
    std::uint32_t bias = initial_bias;
    while (at < label.size()) {
        const std::uint64_t before = i;
        std::uint64_t weight = 1;
        for (std::uint32_t k = base;; k += base) {
            const std::uint32_t digit = at < label.size() ? digit_of(label[at++]) : no_digit;
            if (digit == no_digit) return false;
            i += digit * weight;
            if (i > UINT32_MAX) return false;
            const std::uint32_t threshold = k <= bias ? t_min : std::min(k - bias, t_max);
            if (digit < threshold) break;
            weight *= base - threshold;
            if (weight > UINT32_MAX) return false;
        }
        ++points;
        bias = adapt(static_cast<std::uint32_t>(i - before), points, before == 0);
        n += i / points;
        i %= points;
        if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) return false;
        ++i;
    }
    return true;
}

}  // namespace penstock::model
