// The traceparent field: which trace a request belongs to, and whose child it is (W3C Trace
// Context, section 3.2).
//
// Values, any thread. Version 00 is written; what a later version adds is passed over when it is
// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::http {

struct TraceContext {
    std::uint64_t trace_high = 0;
    std::uint64_t trace_low = 0;
    std::uint64_t span = 0;  // of whoever sends it
    bool is_sampled = false;

    bool is_valid() const noexcept { return (trace_high | trace_low) != 0 && span != 0; }
};

inline constexpr std::size_t traceparent_size = 55;

/// Empty where it is malformed.
std::optional<TraceContext> parse_traceparent(std::string_view text) noexcept;

/// Writes traceparent_size characters, no terminator.
void write_traceparent(char* out, const TraceContext& context) noexcept;

/// 16 lower-case hexadecimal digits.
void write_hex(char* out, std::uint64_t value) noexcept;

}  // namespace penstock::http
