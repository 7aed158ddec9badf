#include "proxy/relay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "http/h1/writer.hpp"
#include "io/ring.hpp"
#include "proxy/kept_body.hpp"

namespace penstock::proxy {

namespace {

using http::h1::BodyPiece;

/// Time that a slow sender has before its rate is judged (--min-rate).
constexpr Duration rate_grace = std::chrono::seconds(30);

bool is_too_slow(std::uint64_t bytes, Duration waited, std::uint64_t min_rate) noexcept {
    if (min_rate == 0 || waited < rate_grace) return false;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
    return bytes < min_rate * static_cast<std::uint64_t>(seconds);
}

/// The bytes of one send: a head, a piece of body in the receiver's framing, and the end where it
/// is there.
class Pieces {
  public:
    void add(std::string_view bytes) noexcept {
        if (!bytes.empty()) pieces_[count_++] = http::h1::piece_of(bytes);
    }
    void add_body(const BodyPiece& piece, bool chunked, std::string_view trailers) noexcept {
        if (!chunked) {
            add(piece.data);
            return;
        }
        if (!piece.data.empty()) count_ += chunk_.frame(piece.data, pieces_.data() + count_);
        if (!piece.last) return;
        add("0\r\n");
        add(trailers);
        add("\r\n");
    }
    iovec* data() noexcept { return pieces_.data(); }
    unsigned count() const noexcept { return count_; }

  private:
    std::array<iovec, 7> pieces_;
    unsigned count_ = 0;
    http::h1::ChunkFrame chunk_;
};

}  // namespace

io::Task<Relayed> relay(http::h1::MessageReader& from, net::Stream& to, std::string_view head,
                        const BodyPiece& first, const RelayOptions& options) {
    io::Ring& ring = to.ring();
    BodyPiece piece = first;
    Duration waited{};
    for (;;) {
        if (!piece.result.ok())
            co_return Relayed{.end = RelayEnd::source_failed, .read = piece.result};
        if (options.max_bytes != 0 && from.body_bytes_read() > options.max_bytes) {
            co_return Relayed{.end = RelayEnd::too_large};
        }
        if (piece.last && options.observer != nullptr) options.observer->on_source_end();
        Pieces pieces;
        pieces.add(head);
        pieces.add_body(piece, options.chunked, piece.last ? from.trailers() : std::string_view{});
        head = {};
        if (pieces.count() > 0) {
            const int error = co_await to.send(pieces.data(), pieces.count(), options.stall_limit);
            if (error != 0) co_return Relayed{.end = RelayEnd::sink_failed, .error = error};
        }
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
