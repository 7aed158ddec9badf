#include "net/address.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>

#include "base/bytes.hpp"

namespace penstock::net {

namespace {

/// The bytes of an address in network order, v4-mapped folded; 0 for neither family.
std::size_t address_bytes(const sockaddr* address, unsigned char* out) noexcept {
    if (address->sa_family == AF_INET) {
        std::memcpy(out, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
        return 4;
    }
    if (address->sa_family != AF_INET6) return 0;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        std::memcpy(out, v6.s6_addr + 12, 4);
        return 4;
    }
    std::memcpy(out, v6.s6_addr, 16);
    return 16;
}

}  // namespace

Address::Address() noexcept {
    std::memset(&storage_, 0, sizeof(storage_));
    storage_.base.sa_family = AF_UNSPEC;
}

std::optional<Address> Address::parse(std::string_view ip, std::uint16_t port) {
    if (ip.size() > 1 && ip.front() == '[' && ip.back() == ']') {
        ip = ip.substr(1, ip.size() - 2);
        if (ip.find(':') == std::string_view::npos) return std::nullopt;
    }
    char text[INET6_ADDRSTRLEN];  // no std::string: workers come here with what a header says
    if (ip.empty() || ip.size() >= sizeof(text) || ip.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::memcpy(text, ip.data(), ip.size());
    text[ip.size()] = '\0';
    Address address;
    if (::inet_pton(AF_INET, text, &address.storage_.v4.sin_addr) == 1) {
        address.storage_.v4.sin_family = AF_INET;
        address.storage_.v4.sin_port = htons(port);
        address.size_ = sizeof(sockaddr_in);
        return address;
    }
    if (::inet_pton(AF_INET6, text, &address.storage_.v6.sin6_addr) == 1) {
        address.storage_.v6.sin6_family = AF_INET6;
        address.storage_.v6.sin6_port = htons(port);
        address.size_ = sizeof(sockaddr_in6);
        return address;
    }
    return std::nullopt;
}

std::optional<Address> Address::parse_endpoint(std::string_view text) {
    if (text.starts_with("unix:")) return unix_path(text.substr(5));
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view host = text.substr(0, colon);
    if (host.find(':') != std::string_view::npos && host.front() != '[') return std::nullopt;
    const auto port = parse_decimal(text.substr(colon + 1), 65'535);
    if (!port) return std::nullopt;
    return parse(host, static_cast<std::uint16_t>(*port));
}

std::optional<Address> Address::unix_path(std::string_view path) {
    Address address;
    if (path.empty() || path.size() >= sizeof(address.storage_.local.sun_path)) return std::nullopt;
    if (path.find('\0') != std::string_view::npos) return std::nullopt;
    address.storage_.local.sun_family = AF_UNIX;
    std::memcpy(address.storage_.local.sun_path, path.data(), path.size());
    address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
}

Address Address::from(const sockaddr* source, socklen_t size) noexcept {
    Address address;
    address.size_ = std::min<socklen_t>(size, sizeof(address.storage_));
    std::memcpy(&address.storage_, source, address.size_);
    return address;
}

Address Address::from_bytes(int family, const void* bytes) noexcept {
    Address address;
    if (family == AF_INET) {
        address.storage_.v4.sin_family = AF_INET;
        std::memcpy(&address.storage_.v4.sin_addr, bytes, sizeof(in_addr));
        address.size_ = sizeof(sockaddr_in);
    } else if (family == AF_INET6) {
        address.storage_.v6.sin6_family = AF_INET6;
        std::memcpy(&address.storage_.v6.sin6_addr, bytes, sizeof(in6_addr));
        address.size_ = sizeof(sockaddr_in6);
    }
    return address;
}

Address Address::peer_of(int fd) noexcept {
    Address address;
    socklen_t size = sizeof(address.storage_);
    if (::getpeername(fd, &address.storage_.base, &size) == 0) address.size_ = size;
    return address;
}

Address Address::local_of(int fd) noexcept {
    Address address;
    socklen_t size = sizeof(address.storage_);
    if (::getsockname(fd, &address.storage_.base, &size) == 0) address.size_ = size;
    return address;
}

std::uint16_t Address::port() const noexcept {
    if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
    if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
    return 0;
}

bool Address::is_loopback() const noexcept {
    unsigned char bytes[16];
    const std::size_t size = address_bytes(data(), bytes);
    if (size == 4) return bytes[0] == 127;
    return size == 16 && IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

std::size_t Address::write_host(char* out) const noexcept {
    unsigned char bytes[16];
    const std::size_t size = address_bytes(data(), bytes);
    if (size == 4) {  // the hot case: four numbers, without inet_ntop's general printing
        char* at = out;
        for (int i = 0; i < 4; ++i) {
            if (i > 0) *at++ = '.';
            const unsigned value = bytes[i];
            if (value >= 100) *at++ = static_cast<char>('0' + value / 100);
            if (value >= 10) *at++ = static_cast<char>('0' + value / 10 % 10);
            *at++ = static_cast<char>('0' + value % 10);
        }
        return static_cast<std::size_t>(at - out);
    }
    if (size == 16) {
        char text[INET6_ADDRSTRLEN];
        ::inet_ntop(AF_INET6, bytes, text, sizeof(text));
        const std::size_t length = std::strlen(text);
        std::memcpy(out, text, length);
        return length;
    }
    std::memcpy(out, "unix:", 5);
    return 5;
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN];
    return {text, write_host(text)};
}

std::string Address::endpoint() const {
    if (family() == AF_UNIX) return "unix:" + std::string(storage_.local.sun_path);
    const std::string name = host();
    const bool brackets = name.find(':') != std::string::npos;
    return (brackets ? "[" + name + "]" : name) + ":" + std::to_string(port());
}

Address Address::with_port(std::uint16_t port) const noexcept {
    Address moved = *this;
    if (family() == AF_INET)
        moved.storage_.v4.sin_port = htons(port);
    else if (family() == AF_INET6)
        moved.storage_.v6.sin6_port = htons(port);
    return moved;
}

bool Address::operator==(const Address& other) const noexcept {
    return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

bool Address::operator<(const Address& other) const noexcept {
    if (size_ != other.size_) return size_ < other.size_;
    return std::memcmp(&storage_, &other.storage_, size_) < 0;
}

std::optional<Network> Network::parse(std::string_view cidr) {
    const std::size_t slash = cidr.find('/');
    const auto address = Address::parse(cidr.substr(0, slash), 0);
    if (!address) return std::nullopt;
    Network network;
    const std::size_t size = address_bytes(address->data(), network.prefix_);
    network.v4_ = size == 4;
    network.bits_ = static_cast<unsigned>(size * 8);
    if (slash != std::string_view::npos) {
        const auto bits = parse_decimal(cidr.substr(slash + 1), network.bits_);
        if (!bits) return std::nullopt;
        network.bits_ = static_cast<unsigned>(*bits);
    }
    return network;
}

bool Network::contains(const Address& address) const noexcept {
    unsigned char bytes[16];
    const std::size_t size = address_bytes(address.data(), bytes);
    if (size == 0 || (size == 4) != v4_) return false;
    const unsigned whole = bits_ / 8;
    if (std::memcmp(bytes, prefix_, whole) != 0) return false;
    const unsigned rest = bits_ % 8;
    if (rest == 0) return true;
    const unsigned mask = 0xffu << (8 - rest);
    return ((bytes[whole] ^ prefix_[whole]) & mask & 0xff) == 0;
}

}  // namespace penstock::net
