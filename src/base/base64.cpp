#include "base/base64.hpp"

#include <cstdint>

namespace penstock {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned digits = 0;
    unsigned padding = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        const std::size_t value = c == '=' ? 0 : alphabet.find(c);
        const bool misplaced = c == '=' ? digits % 4 < 2 : padding > 0;
        if (value == std::string_view::npos || misplaced || padding > 2) return {};
        padding += c == '=' ? 1 : 0;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (++digits % 4 != 0) continue;
        for (const unsigned shift : {16u, 8u, 0u}) bytes += static_cast<char>(bits >> shift & 0xff);
    }
    const std::uint32_t left_over = padding == 2 ? 0xffff : padding == 1 ? 0xff : 0;
    if (digits % 4 != 0 || (bits & left_over) != 0) return {};
    bytes.resize(bytes.size() - padding);
    return bytes;
}

}  // namespace penstock
