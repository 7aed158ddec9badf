#include "proxy/balance/client_key.hpp"

#include <netinet/in.h>

#include "base/hash.hpp"
#include "net/address.hpp"

namespace penstock::proxy {

namespace {

/// Fixed for good: with another one every client would go to another backend.
constexpr std::uint64_t key = 0x70656e73746f636b;

std::uint64_t hash_of(const void* bytes, std::size_t size) noexcept {
    return hash_bytes({static_cast<const char*>(bytes), size}, key);
}

}  // namespace

std::uint64_t client_key(std::string_view address) noexcept {
    const auto parsed = net::Address::parse(address, 0);
    if (!parsed) return hash_of(address.data(), address.size());
    if (parsed->family() == AF_INET) {
        const auto& v4 = *reinterpret_cast<const sockaddr_in*>(parsed->data());
        return hash_of(&v4.sin_addr, 4);
    }
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(parsed->data())->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return hash_of(v6.s6_addr + 12, 4);
    return hash_of(v6.s6_addr, 8);
}

}  // namespace penstock::proxy
