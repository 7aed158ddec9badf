#include "proxy/peer.hpp"

#include <algorithm>

namespace penstock::proxy {

bool is_trusted_proxy(const net::Address& address, const Settings& settings) noexcept {
    return std::any_of(settings.trusted_proxies.begin(), settings.trusted_proxies.end(),
                       [&](const net::Network& network) { return network.contains(address); });
}

Peer::Peer(const net::Address& address, const Settings& settings) noexcept
    : port_(address.port()),
      host_size_(static_cast<std::uint8_t>(address.write_host(host_.data()))),
      trusted_(is_trusted_proxy(address, settings)) {}

}  // namespace penstock::proxy
