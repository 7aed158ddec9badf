#include "proxy/relay.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include "proxy/forwarded_headers.hpp"
#include "proxy/kept_body.hpp"

namespace penstock::proxy {

namespace {

/// Time that a slow sender has before its rate is judged (--min-rate).
constexpr Duration rate_grace = std::chrono::seconds(30);

bool is_too_slow(std::uint64_t bytes, Duration waited, std::uint64_t min_rate) noexcept {
    if (min_rate == 0 || waited < rate_grace) return false;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
    return bytes < min_rate * static_cast<std::uint64_t>(seconds);
}

}  // namespace

io::Task<Relayed> relay(io::Ring& ring, http::BodySource& from, http::MessageSink& to,
                        std::string_view head, const http::BodyPiece& first,
                        const RelayOptions& options) {
    http::BodyPiece piece = first;
    http::Outgoing out{.head = head, .chunked = options.chunked};
    Duration waited{};
    for (;;) {
        if (!piece.result.ok())
            co_return Relayed{.end = RelayEnd::source_failed, .read = piece.result};
        if (options.max_bytes != 0 && from.body_bytes_read() > options.max_bytes) {
            co_return Relayed{.end = RelayEnd::too_large};
        }
        if (piece.last && options.observer != nullptr) options.observer->on_source_end();
        out.data = piece.data;
        out.last = piece.last;
        std::string trailers;
        if (piece.last) out.trailers = from.trailers();
        if (options.trailers_of != nullptr && !out.trailers.empty())
            out.trailers = trailers = kept_trailers(out.trailers, *options.trailers_of);
        const int error = co_await to.send(out, options.stall_limit);
        if (error != 0) co_return Relayed{.end = RelayEnd::sink_failed, .error = error};
        out.head = {};
        if (piece.last) co_return Relayed{};
        if (options.stopped != nullptr && *options.stopped) {
            co_return Relayed{.end = RelayEnd::sink_failed, .error = ECANCELED};
        }
        const TimePoint asked = std::max(ring.now(), options.patience_from);
        piece = co_await from.read_body(asked + options.stall_limit);
        if (options.keep != nullptr) options.keep->add(piece.data);
        waited += std::max(ring.now() - asked, Duration::zero());
        if (is_too_slow(from.body_bytes_read(), waited, options.min_rate)) {
            co_return Relayed{.end = RelayEnd::too_slow};
        }
    }
}

}  // namespace penstock::proxy
