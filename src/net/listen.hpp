// Listening sockets: made at start, one a worker and address, shared out by the kernel (SO_REUSEPORT).
#pragma once

#include <penstock/result.hpp>

#include "net/address.hpp"

namespace penstock::net {

/// A bound, listening socket (the caller's). `share`: several sockets may be bound to the same address. A Unix path
/// that is left over from a dead process is replaced.
Result<int> listen_on(const Address& address, bool share);

}  // namespace penstock::net
