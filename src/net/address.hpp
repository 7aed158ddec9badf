// A socket address: IPv4, IPv6 or a Unix path, as a small value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace penstock::net {

class Address {
  public:
    /// No address: family AF_UNSPEC.
    Address() noexcept;

    /// An IPv4 or IPv6 literal (the latter with or without brackets); empty where it is neither.
    static std::optional<Address> parse(std::string_view ip, std::uint16_t port);
    /// "1.2.3.4:80", "[::1]:80" or "unix:/path".
    static std::optional<Address> parse_endpoint(std::string_view text);
    /// `path` of 1 to 107 bytes; empty where it is longer.
    static std::optional<Address> unix_path(std::string_view path);
    static Address from(const sockaddr* address, socklen_t size) noexcept;
    /// From the 4 bytes of AF_INET or the 16 of AF_INET6, in network order; port 0.
    static Address from_bytes(int family, const void* bytes) noexcept;
    /// The peer of a connected socket; AF_UNSPEC where the kernel knows none.
    static Address peer_of(int fd) noexcept;
    static Address local_of(int fd) noexcept;

    int family() const noexcept { return storage_.base.sa_family; }
    const sockaddr* data() const noexcept { return &storage_.base; }
    socklen_t size() const noexcept { return size_; }
    std::uint16_t port() const noexcept;
    bool is_loopback() const noexcept;

    /// The bare address ("127.0.0.1", "::1"), v4-mapped IPv6 folded to IPv4; "unix:" for a Unix
    /// socket.
    std::string host() const;
    /// Writes host() without its terminator; returns the length, at most 45.
    std::size_t write_host(char* out) const noexcept;
    /// "127.0.0.1:80", "[::1]:80", "unix:/path".
    std::string endpoint() const;

    /// The same address at another port; AF_INET and AF_INET6 only.
    Address with_port(std::uint16_t port) const noexcept;

    bool operator==(const Address& other) const noexcept;
    /// An order without meaning that never changes: IPv4 first, then by the bytes.
    bool operator<(const Address& other) const noexcept;

  private:
    union {
        sockaddr base;
        sockaddr_in v4;
        sockaddr_in6 v6;
        sockaddr_un local;
    } storage_;
    socklen_t size_ = 0;
};

/// An address block in CIDR form ("10.0.0.0/8", "::1/128", a bare address counts as one host).
class Network {
  public:
    static std::optional<Network> parse(std::string_view cidr);
    /// v4-mapped IPv6 addresses are compared as the IPv4 ones they carry.
    bool contains(const Address& address) const noexcept;

  private:
    bool v4_ = true;
    unsigned bits_ = 0;
    unsigned char prefix_[16]{};
};

}  // namespace penstock::net
