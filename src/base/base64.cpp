#include "base/base64.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace penstock {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::string_view url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr unsigned char no_digit = 64;

/// From a character to its six bits.
constexpr std::array<unsigned char, 256> digits_of(std::string_view characters) noexcept {
    std::array<unsigned char, 256> digits{};
    digits.fill(no_digit);
    for (std::size_t i = 0; i < characters.size(); ++i)
        digits[static_cast<unsigned char>(characters[i])] = static_cast<unsigned char>(i);
    return digits;
}

constexpr auto standard_digits = digits_of(alphabet);
constexpr auto url_digits = digits_of(url_alphabet);

std::optional<std::string> decode_unpadded(std::string_view text,
                                           const std::array<unsigned char, 256>& values) {
    if (text.size() % 4 == 1) return {};
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const unsigned char value = values[static_cast<unsigned char>(c)];
        if (value == no_digit) return {};
        bits = bits << 6 | value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 0xff);
    }
    if ((bits & ((1u << count) - 1)) != 0) return {};
    return bytes;
}

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

std::optional<std::string> decode_base64_unpadded(std::string_view text) {
    return decode_unpadded(text, standard_digits);
}

std::optional<std::string> decode_base64url(std::string_view text) {
    return decode_unpadded(text, url_digits);
}

std::string encode_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(bytes.size() - at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            text += i <= count ? alphabet[bits >> (18 - 6 * i) & 0x3f] : '=';
    }
    return text;
}

}  // namespace penstock
