// What a log or a trace says of a request: its numbers, and the texts that go with them.
//
// Told on the worker's bus where a request has ended, beside its RequestRecord, and only where
// somebody listens. The views are valid during the call: who needs them longer encodes them.
// Encoded they go through a ByteRing to the thread that writes of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/random.hpp"
#include "http/trace_context.hpp"
#include "snapshot/request_record.hpp"

namespace penstock::snapshot {

enum class DetailText : std::uint8_t {
    request_id,
    client,
    v_host,   // of the route; empty where none matched
    host,     // as asked for, lower case, without port
    method,   // empty where the head could not be read
    target,   // path and query as received, secrets included
    backend,  // "host:port" as configured, of the one tried last; empty: none
    tls,      // "TLSv1.3"; empty: plain
    cipher,   // empty: plain
    user_agent,
    referer,
};
inline constexpr std::size_t detail_texts = static_cast<std::size_t>(DetailText::referer) + 1;

/// Bytes that are kept of each when it is encoded. One more says that it was longer.
inline constexpr std::array<std::uint16_t, detail_texts> detail_bounds{
    128, 64, 255, 255, 32, 1'024, 300, 16, 64, 512, 1'024,
};

/// A set of texts.
using DetailSet = std::uint32_t;
constexpr DetailSet bit_of(DetailText text) noexcept {
    return DetailSet{1} << static_cast<unsigned>(text);
}
inline constexpr DetailSet all_details = (DetailSet{1} << detail_texts) - 1;

/// All but the texts.
struct RequestNumbers {
    /// Decoded, its route and upstream are null.
    RequestRecord record;
    std::int64_t started_unix_ns = 0;
    Uuid connection;
    /// Its span is the client's, 0 where the trace begins here; not valid where nothing is traced.
    http::TraceContext trace;
    std::uint64_t span = 0;          // our own; 0: this request is no span
    std::uint8_t major_version = 1;  // of HTTP, the client's

    bool has_trace() const noexcept { return (trace.trace_high | trace.trace_low) != 0; }
};

struct RequestDetails {
    RequestNumbers numbers;
    std::array<std::string_view, detail_texts> texts{};

    std::string_view& operator[](DetailText text) noexcept {
        return texts[static_cast<std::size_t>(text)];
    }
    std::string_view operator[](DetailText text) const noexcept {
        return texts[static_cast<std::size_t>(text)];
    }
};

/// What those of `wanted` take, the numbers included.
std::size_t encoded_size(const RequestDetails& details, DetailSet wanted) noexcept;
/// Writes encoded_size() bytes.
void encode(const RequestDetails& details, DetailSet wanted, char* out) noexcept;
/// Of what encode() has written; the texts point into it.
RequestDetails decode(std::string_view encoded) noexcept;

}  // namespace penstock::snapshot
