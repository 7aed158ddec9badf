// OwnAddresses: where this process itself listens, for clients and administrators: no backend may
// be there.
//
// Control thread only. A listener on all addresses is at each of this machine's, which are asked
// for when it matters, at most once a second: they come and go.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "net/address.hpp"

namespace penstock::control {

class OwnAddresses {
  public:
    /// Hosts without ports; empty where they cannot be had.
    using Hosts = std::optional<std::set<std::string, std::less<>>>;
    using AskForHosts = std::function<Hosts()>;

    OwnAddresses() = default;
    /// As bound: ports are known. Those that are no TCP addresses count for nothing.
    explicit OwnAddresses(std::vector<net::Address> listeners)
        : OwnAddresses(std::move(listeners), &hosts_of_interfaces) {}
    /// With another source of this machine's addresses.
    OwnAddresses(std::vector<net::Address> listeners, AskForHosts ask)
        : listeners_(std::move(listeners)), ask_(std::move(ask)) {}

    /// Whether a connection to `target` would come to one of the listeners.
    bool contains(const net::Address& target, TimePoint now = Clock::now()) const;

  private:
    static Hosts hosts_of_interfaces();
    bool is_of_an_interface(std::string_view host, TimePoint now) const;

    std::vector<net::Address> listeners_;
    AskForHosts ask_;
    mutable Hosts hosts_;  // the last that could be had
    mutable TimePoint next_ask_{};
};

}  // namespace penstock::control
