// tunnel(): two connections that have switched protocols (WebSocket and any other Upgrade), byte
// for byte.
//
// Both ways at once, half-close passed on, ended by either side's error or when nothing has passed
// for `idle_limit`.
#pragma once

#include <cstdint>

#include "http/body.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"

namespace penstock::proxy {

/// Bytes that have passed, each way.
struct TunnelTraffic {
    std::uint64_t from_client = 0;
    std::uint64_t from_backend = 0;
};

/// One side: where its bytes come from and where those for it go.
struct TunnelEnd {
    http::BodySource& source;
    http::MessageSink& sink;
};

/// Both are fit only for closing afterwards. Bytes that were read ahead pass first.
io::Task<void> tunnel(io::Ring& ring, const TunnelEnd& client, const TunnelEnd& backend,
                      Duration idle_limit, Duration stall_limit, TunnelTraffic& traffic);

}  // namespace penstock::proxy
