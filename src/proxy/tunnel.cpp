#include "proxy/tunnel.hpp"

#include <cerrno>

#include "http/h1/writer.hpp"
#include "io/both.hpp"
#include "io/ring.hpp"

namespace penstock::proxy {

namespace {

struct Direction {
    net::Stream& from;
    net::Stream& to;
    io::BlockRef& read_ahead;
    TimePoint& last_activity;  // of both directions: a one-sided stream is not idle
    Duration idle_limit;
    Duration stall_limit;
    std::uint64_t& bytes;
};

void end_both(Direction& direction, int error) noexcept {
    direction.from.interrupt(error);
    direction.to.interrupt(error);
}

io::Task<void> pump(Direction& direction) {
    io::Ring& ring = direction.from.ring();
    io::BlockRef block = std::move(direction.read_ahead);
    for (;;) {
        if (block) {
            iovec piece = http::h1::piece_of(block->filled());
            direction.bytes += piece.iov_len;
            const int error = co_await direction.to.send(&piece, 1, direction.stall_limit);
            if (error != 0) {
                end_both(direction, error);
                co_return;
            }
            direction.last_activity = ring.now();
        }
        io::Received received =
            co_await direction.from.receive(direction.last_activity + direction.idle_limit);
        const bool other_way_is_busy = received.error == ETIMEDOUT &&
                                       ring.now() - direction.last_activity < direction.idle_limit;
        if (received.is_end()) {
            direction.to.shutdown_send();
            co_return;
        }
        if (received.error != 0 && !other_way_is_busy) {
            end_both(direction, received.error);
            co_return;
        }
        block = std::move(received.block);
    }
}

}  // namespace

io::Task<void> tunnel(net::Stream& client, net::Stream& backend, io::BlockRef& from_client,
                      io::BlockRef& from_backend, Duration idle_limit, Duration stall_limit,
                      TunnelTraffic& traffic) {
    TimePoint last_activity = client.ring().now();
    Direction up{client,     backend,     from_client,        last_activity,
                 idle_limit, stall_limit, traffic.from_client};
    Direction down{backend,    client,      from_backend,        last_activity,
                   idle_limit, stall_limit, traffic.from_backend};
    io::Task<void> upwards = pump(up);
    io::Task<void> downwards = pump(down);
    co_await io::both(upwards, downwards);
}

}  // namespace penstock::proxy
