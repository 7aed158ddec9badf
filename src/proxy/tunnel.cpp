#include "proxy/tunnel.hpp"

#include <cerrno>

#include "io/both.hpp"

namespace penstock::proxy {

namespace {

using http::ReadOutcome;

struct Direction {
    io::Ring& ring;
    const TunnelEnd& from;
    const TunnelEnd& to;
    TimePoint& last_activity;  // of both directions: a one-sided stream is not idle
    Duration idle_limit;
    Duration stall_limit;
    std::uint64_t& bytes;
};

void end_both(const Direction& direction, int error) noexcept {
    direction.from.source.interrupt(error);
    direction.to.source.interrupt(error);
}

io::Task<void> pump(Direction& direction) {
    io::Ring& ring = direction.ring;
    http::BodyPiece piece = direction.from.source.body_at_hand();
    http::Outgoing out;
    for (;;) {
        if (!piece.data.empty()) {
            direction.bytes += piece.data.size();
            out.data = piece.data;
            const int error = co_await direction.to.sink.send(out, direction.stall_limit);
            if (error != 0) {
                end_both(direction, error);
                co_return;
            }
            direction.last_activity = ring.now();
        }
        if (piece.last) {
            direction.to.sink.finish_sending();
            co_return;
        }
        piece = co_await direction.from.source.read_body(direction.last_activity +
                                                         direction.idle_limit);
        const bool other_way_is_busy = piece.result.outcome == ReadOutcome::timed_out &&
                                       ring.now() - direction.last_activity < direction.idle_limit;
        if (!piece.result.ok() && !other_way_is_busy) {
            end_both(direction, piece.result.error != 0 ? piece.result.error : ECONNRESET);
            co_return;
        }
    }
}

}  // namespace

io::Task<void> tunnel(io::Ring& ring, const TunnelEnd& client, const TunnelEnd& backend,
                      Duration idle_limit, Duration stall_limit, TunnelTraffic& traffic) {
    client.source.start_body({http::BodyFraming::Kind::tunnel, 0});
    backend.source.start_body({http::BodyFraming::Kind::tunnel, 0});
    TimePoint last_activity = ring.now();
    Direction up{
        ring, client, backend, last_activity, idle_limit, stall_limit, traffic.from_client};
    Direction down{
        ring, backend, client, last_activity, idle_limit, stall_limit, traffic.from_backend};
    io::Task<void> upwards = pump(up);
    io::Task<void> downwards = pump(down);
    co_await io::both(upwards, downwards);
}

}  // namespace penstock::proxy
