// Listening sockets: made at start, one a worker and address, shared out by the kernel
// (SO_REUSEPORT).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <penstock/result.hpp>

#include "net/address.hpp"

namespace penstock::net {

/// Who may connect to a Unix socket: those that the umask leaves, or its owner alone, from the
/// moment that its file is there.
enum class UnixAccess : std::uint8_t { umask, owner };

/// A bound, listening socket (the caller's). Fails where anybody else listens there, for a second.
/// A Unix
/// socket's file that is left over from a dead process is replaced; any other file is not.
Result<int> listen_on(const Address& address, UnixAccess access = UnixAccess::umask);

/// Of an IPv6 socket: IPv4 clients do not come to it.
bool is_v6_only(int fd) noexcept;

/// `count` sockets on one TCP address, among which the kernel shares connections out
/// (SO_REUSEPORT). Fails where another process listens there, which SO_REUSEPORT alone would not
/// tell. Port 0 picks one for all.
Result<std::vector<int>> listen_shared(const Address& address, std::size_t count);

/// Adds up to `count` of them beside those of `group`, which has one at least: as many as the
/// kernel grants.
void listen_beside(std::vector<int>& group, std::size_t count);

/// A listening TCP socket answers no new connection from now on: their first packets are dropped,
/// as if the network had lost them. Those that have begun come about and can be accepted.
void ignore_newcomers(int fd) noexcept;

}  // namespace penstock::net
