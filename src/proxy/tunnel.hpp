// tunnel(): two connections that have switched protocols (WebSocket and any other Upgrade), byte
// for byte.
//
// Both ways at once, half-close passed on, ended by either side's error or when nothing has passed
// for `idle_limit`.
#pragma once

#include <cstdint>

#include "io/buffer_pool.hpp"
#include "io/task.hpp"
#include "net/stream.hpp"

namespace penstock::proxy {

/// Bytes that have passed, each way.
struct TunnelTraffic {
    std::uint64_t from_client = 0;
    std::uint64_t from_backend = 0;
};

/// `from_client` and `from_backend`: bytes that were read ahead. Both streams are fit only for
/// closing afterwards.
io::Task<void> tunnel(net::Stream& client, net::Stream& backend, io::BlockRef& from_client,
                      io::BlockRef& from_backend, Duration idle_limit, Duration stall_limit,
                      TunnelTraffic& traffic);

}  // namespace penstock::proxy
