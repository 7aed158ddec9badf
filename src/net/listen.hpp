// Listening sockets: made at start, one a worker and address, shared out by the kernel
// (SO_REUSEPORT).
#pragma once

#include <cstddef>
#include <vector>

#include <penstock/result.hpp>

#include "net/address.hpp"

namespace penstock::net {

/// A bound, listening socket (the caller's). Fails where anybody else listens there. A Unix path
/// that is left over from a dead process is replaced.
Result<int> listen_on(const Address& address);

/// `count` sockets on one TCP address, among which the kernel shares connections out
/// (SO_REUSEPORT). Fails where another process listens there, which SO_REUSEPORT alone would not
/// tell. Port 0 picks one for all.
Result<std::vector<int>> listen_shared(const Address& address, std::size_t count);

}  // namespace penstock::net
