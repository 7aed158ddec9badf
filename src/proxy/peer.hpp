// Who is at the other end of a client connection, and what is believed of them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/address.hpp"
#include "proxy/settings.hpp"

namespace penstock::proxy {

/// Computed once a connection.
class Peer {
  public:
    Peer(const net::Address& address, const Settings& settings) noexcept;

    std::string_view host() const noexcept { return {host_.data(), host_size_}; }
    /// 0 where it has none: on a Unix socket.
    std::uint16_t port() const noexcept { return port_; }
    /// Its X-Forwarded-* and X-Request-ID are believed (--trusted-proxy).
    bool is_trusted() const noexcept { return trusted_; }

  private:
    std::array<char, 46> host_;
    std::uint16_t port_;
    std::uint8_t host_size_;
    bool trusted_;
};

/// By what name a connection is known to the log: made when it is first asked for.
class ConnectionId {
  public:
    const Uuid& of(Random& random) noexcept {
        if (uuid_.is_nil()) uuid_ = make_uuid_v7(unix_milliseconds(), random);
        return uuid_;
    }

  private:
    Uuid uuid_;
};

bool is_trusted_proxy(const net::Address& address, const Settings& settings) noexcept;

}  // namespace penstock::proxy
