// OwnAddresses: where this process itself listens, for clients and administrators: no backend may
// be there.
//
// Immutable, any thread. A listener on all addresses is at each of this machine's, which are asked
// for when it matters: they come and go.
#pragma once

#include <vector>

#include "net/address.hpp"

namespace penstock::control {

class OwnAddresses {
  public:
    OwnAddresses() = default;
    /// As bound: ports are known. Those that are no TCP addresses count for nothing.
    explicit OwnAddresses(std::vector<net::Address> listeners) : listeners_(std::move(listeners)) {}

    /// Whether a connection to `target` would come to one of the listeners.
    bool contains(const net::Address& target) const;

  private:
    std::vector<net::Address> listeners_;
};

}  // namespace penstock::control
