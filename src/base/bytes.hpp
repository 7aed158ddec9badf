// Small, locale-free operations on bytes and ASCII text (RFC 9110 section 5.6 is about octets, not
// characters).
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

constexpr char ascii_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

/// Equal without regard to ASCII case; `lower` must be lower case already.
constexpr bool equals_lower(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (ascii_lower(text[i]) != lower[i]) return false;
    }
    return true;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
    }
    return true;
}

/// Whether CGI, WSGI and their like make one variable of both field names: regardless of case, and
/// with '_' for '-' (RFC 3875 section 4.1.18).
constexpr bool is_same_variable(std::string_view a, std::string_view b) noexcept {
    const auto folded = [](char c) { return c == '_' ? '-' : ascii_lower(c); };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (folded(a[i]) != folded(b[i])) return false;
    }
    return true;
}

/// Optional white space of RFC 9110 section 5.6.3, gone from both ends.
constexpr std::string_view trim_ows(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = ascii_lower(c);
    return lower;
}

/// 1*DIGIT, nothing else, at most `most`; empty where it is anything else.
inline std::optional<std::uint64_t> parse_decimal(std::string_view text,
                                                  std::uint64_t most = UINT64_MAX) noexcept {
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > most)
        return std::nullopt;
    return value;
}

/// Calls `visit(element)` for each non-empty element of a comma-separated list (RFC 9110
/// section 5.6.1).
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit&& visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view element = trim_ows(list.substr(0, comma));
        if (!element.empty()) visit(element);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace penstock
