#include "ctl/terminal.hpp"

#include <clocale>
#include <cstdint>
#include <cwchar>
#include <optional>

#include <fmt/format.h>
#include <locale.h>

namespace penstock::ctl {

namespace {

struct Character {
    std::size_t bytes = 1;
    char32_t code = 0;
    bool is_valid = false;
};

/// The first character of `text`, which is not empty (RFC 3629).
Character first_of(std::string_view text) noexcept {
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {1, lead, true};
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
    char32_t code = lead & (0x7fU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0) != 0x80) return {};
        code = code << 6 | (next & 0x3fU);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < least[bytes] || code > 0x10ffff || is_surrogate) return {};
    return {bytes, code, true};
}

bool is_control(char32_t code) noexcept {
    const bool is_bidirectional =
        (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || is_bidirectional;
}

/// wcwidth(3) goes by the thread's locale; this one is part of the C library.
std::size_t width_of(char32_t code) {
    static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8 == nullptr) return 1;
    const locale_t before = ::uselocale(utf8);
    const int width = ::wcwidth(static_cast<wchar_t>(code));
    ::uselocale(before);
    return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const Character next = first_of(text);
        const bool is_ascii = next.is_valid && next.code < 0x80;
        width += !next.is_valid || is_ascii ? 1 : width_of(next.code);
        text.remove_prefix(next.bytes);
    }
    return width;
}

namespace {

/// `text` with what must not reach a terminal as `escape(out, character, its bytes)` writes it.
template <class Escape>
std::string escaped(std::string_view text, Escape escape) {
    std::string shown;
    while (!text.empty()) {
        const Character next = first_of(text);
        const std::string_view bytes = text.substr(0, next.bytes);
        if (next.is_valid && !is_control(next.code))
            shown += bytes;
        else
            escape(shown, next, bytes);
        text.remove_prefix(next.bytes);
    }
    return shown;
}

}  // namespace

std::string printable(std::string_view text) {
    return escaped(text, [](std::string& out, const Character&, std::string_view bytes) {
        for (const char byte : bytes)
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    });
}

std::string printable_json(std::string_view json) {
    return escaped(json, [](std::string& out, const Character& next, std::string_view bytes) {
        // Below 0x20 it stands between tokens, for JSON has none in strings.
        if (!next.is_valid || next.code < 0x20)
            out += bytes;
        else
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(next.code));
    });
}

std::string paint(std::string_view text, Tone tone) {
    constexpr std::string_view codes[] = {"", "1", "2", "32", "33", "31"};
    const std::string_view code = codes[static_cast<std::size_t>(tone)];
    if (code.empty() || text.empty()) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace penstock::ctl
