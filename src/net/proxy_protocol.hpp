// The PROXY protocol, versions 1 and 2: a header in front of a connection's own bytes that says
// whose connection it is (HAProxy's specification, "The PROXY protocol", versions 1 & 2).
//
// Strict, as whoever is believed here decides about addresses: what the specification does not
// allow is malformed. Whether the sender may be believed is for the caller to know. Pure functions,
// any thread; nothing is allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/address.hpp"

namespace penstock::net {

/// A longer header is malformed: room for certificates' names and what clouds add, and less than a
/// block.
inline constexpr std::size_t longest_proxy_header = 4'096;

struct ProxyHeader {
    enum class Outcome : std::uint8_t { incomplete, complete, malformed };

    Outcome outcome = Outcome::incomplete;
    /// Of a complete one, in bytes: what follows is the connection's own.
    std::size_t size = 0;
    /// Both AF_UNSPEC where the header names none (LOCAL, UNKNOWN, UNSPEC, datagrams): the
    /// connection's own addresses hold.
    Address source;
    Address destination;

    bool has_addresses() const noexcept { return source.family() != AF_UNSPEC; }
};

/// `bytes` begin with the connection's first one. While the outcome is incomplete: call again with
/// more. Of malformed ones no more than longest_proxy_header bytes need be read to know it.
ProxyHeader read_proxy_header(std::string_view bytes) noexcept;

enum class ProxyProtocol : std::uint8_t { v1 = 1, v2 = 2 };

/// A header to send in front of a connection's first byte.
class ProxyHeaderText {
  public:
    /// `source` connected to `destination` somewhere, and is now relayed. IPv4 in IPv6 is written
    /// as IPv4; beside a true IPv6 address, as IPv6. Two addresses that this version has no form
    /// for: UNKNOWN (version 1), UNSPEC (version 2).
    static ProxyHeaderText relayed(ProxyProtocol version, const Address& source,
                                   const Address& destination) noexcept;
    /// A connection of our own, such as a health probe: "UNKNOWN" (version 1), LOCAL (version 2).
    static ProxyHeaderText own(ProxyProtocol version) noexcept;

    std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

  private:
    /// Version 2 with two Unix paths: the longest there is.
    static constexpr std::size_t longest = 16 + 2 * 108;

    void append(std::string_view bytes) noexcept;
    void append_be16(std::uint16_t value) noexcept;
    void append_number(unsigned value) noexcept;
    void append_v1(const Address& source, const Address& destination) noexcept;
    void append_v2(const Address& source, const Address& destination) noexcept;

    std::array<char, longest> bytes_;
    std::size_t size_ = 0;
};

}  // namespace penstock::net
