#include "control/own_addresses.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <ifaddrs.h>

namespace penstock::control {

namespace {

bool is_wildcard(std::string_view host) {
    return host == "0.0.0.0" || host == "::";
}

bool is_v6(std::string_view host) {
    return host.find(':') != std::string_view::npos;
}

/// Where a connection to it goes: Linux takes the wildcard for the loopback address.
std::string destination_of(const net::Address& target) {
    std::string host = target.host();  // v4-mapped folded
    if (!is_wildcard(host)) return host;
    return is_v6(host) ? "::1" : "127.0.0.1";
}

constexpr Duration ask_period = std::chrono::seconds(1);

}  // namespace

OwnAddresses::Hosts OwnAddresses::hosts_of_interfaces() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &::freeifaddrs);
    Hosts hosts(std::in_place);
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        const int family = one->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        hosts->insert(net::Address::from(one->ifa_addr, size).host());
    }
    return hosts;
}

/// A document may name a hundred thousand backends: they are not asked for with each.
bool OwnAddresses::is_of_an_interface(std::string_view host, TimePoint now) const {
    if (now >= next_ask_) {
        next_ask_ = now + ask_period;
        if (Hosts asked = ask_()) hosts_ = std::move(asked);
    }
    return hosts_ && hosts_->contains(host);
}

bool OwnAddresses::contains(const net::Address& target, TimePoint now) const {
    if (target.port() == 0) return false;
    const std::string host = destination_of(target);
    const bool is_loopback = net::Address::parse(host, 0)->is_loopback();
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const net::Address& listener) {
        if (listener.port() != target.port()) return false;
        const std::string bound = listener.host();
        if (!is_wildcard(bound)) return bound == host;
        return is_v6(bound) == is_v6(host) && (is_loopback || is_of_an_interface(host, now));
    });
}

}  // namespace penstock::control
