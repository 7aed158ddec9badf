#include "http/trace_context.hpp"

#include <algorithm>

namespace penstock::http {

namespace {

/// Lower-case digits alone: upper-case ones are malformed (section 3.2.2.2).
std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept {
    std::uint64_t value = 0;
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9')
            digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = static_cast<unsigned>(c - 'a') + 10;
        else
            return std::nullopt;
        value = value << 4 | digit;
    }
    return value;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) noexcept {
    if (text.size() < traceparent_size) return std::nullopt;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const auto version = parse_hex(text.substr(0, 2));
    const auto high = parse_hex(text.substr(3, 16));
    const auto low = parse_hex(text.substr(19, 16));
    const auto span = parse_hex(text.substr(36, 16));
    const auto flags = parse_hex(text.substr(53, 2));
    if (!version || !high || !low || !span || !flags || *version == 0xff) return std::nullopt;
    if (text.size() > traceparent_size && (*version == 0 || text[traceparent_size] != '-'))
        return std::nullopt;
    const TraceContext context{*high, *low, *span, (*flags & 1) != 0};
    return context.is_valid() ? std::optional(context) : std::nullopt;
}

void write_traceparent(char* out, const TraceContext& context) noexcept {
    constexpr std::string_view frame = "00-................................-................-00";
    static_assert(frame.size() == traceparent_size);
    std::copy(frame.begin(), frame.end(), out);
    write_hex(out + 3, context.trace_high);
    write_hex(out + 19, context.trace_low);
    write_hex(out + 36, context.span);
    if (context.is_sampled) out[traceparent_size - 1] = '1';
}

void write_hex(char* out, std::uint64_t value) noexcept {
    for (int i = 15; i >= 0; --i, value >>= 4) out[i] = "0123456789abcdef"[value & 0x0f];
}

}  // namespace penstock::http
