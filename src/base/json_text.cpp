#include "base/json_text.hpp"

#include <array>
#include <cstddef>

namespace penstock {

namespace {

using Byte = unsigned char;

/// Passes as it is, wherever it stands.
constexpr std::array<bool, 256> plain = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0x20; c < 0x80; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();

bool continues(std::string_view text, std::size_t at) noexcept {
    return at < text.size() && (static_cast<Byte>(text[at]) & 0xc0) == 0x80;
}

/// Bytes of the well-formed UTF-8 sequence that begins there (Unicode 15, table 3-7); 0: none.
std::size_t sequence_at(std::string_view text, std::size_t at) noexcept {
    const auto first = static_cast<Byte>(text[at]);
    const auto second = at + 1 < text.size() ? static_cast<Byte>(text[at + 1]) : Byte{0};
    if (first >= 0xc2 && first <= 0xdf) return continues(text, at + 1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const bool is_overlong = first == 0xe0 && second < 0xa0;
        const bool is_surrogate = first == 0xed && second > 0x9f;
        const bool is_whole = continues(text, at + 1) && continues(text, at + 2);
        return is_whole && !is_overlong && !is_surrogate ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool is_overlong = first == 0xf0 && second < 0x90;
        const bool is_beyond = first == 0xf4 && second > 0x8f;
        const bool is_whole =
            continues(text, at + 1) && continues(text, at + 2) && continues(text, at + 3);
        return is_whole && !is_overlong && !is_beyond ? 4 : 0;
    }
    return 0;
}

void append_escape(std::string& out, Byte c) {
    static constexpr char digits[] = "0123456789abcdef";
    switch (c) {
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        default:
            out += "\\u00";
            out += digits[c >> 4];
            out += digits[c & 0x0f];
    }
}

}  // namespace

void append_json_escaped(std::string& out, std::string_view text) {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto c = static_cast<Byte>(text[at]);
        if (plain[c]) {
            ++at;
            continue;
        }
        if (const std::size_t size = c < 0x80 ? 0 : sequence_at(text, at); size > 0) {
            at += size;
            continue;
        }
        out.append(text, done, at - done);
        if (c < 0x80)
            append_escape(out, c);
        else
            out += "\xef\xbf\xbd";
        done = ++at;
    }
    out.append(text, done);
}

}  // namespace penstock
