// The client of a request as IP_HASH knows it: a number that is the same on every worker and node.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::proxy {

/// `address`: client_address() of the request. IPv4 counts whole, also where it is written as IPv6
/// (v4-mapped); of IPv6 the /64, which is one customer's network and within which addresses change
/// (RFC 8981). Clients on a Unix socket are one client.
std::uint64_t client_key(std::string_view address) noexcept;

}  // namespace penstock::proxy
