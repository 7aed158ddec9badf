#include "net/proxy_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace penstock::net {

namespace {

using Outcome = ProxyHeader::Outcome;
using namespace std::string_view_literals;

// --- version 1: one line of text (section 2.1) ---

constexpr std::string_view v1_signature = "PROXY ";
constexpr std::size_t longest_v1 = 107;  // with its CRLF

// --- version 2: a fixed part, two addresses, TLVs (section 2.2) ---

constexpr std::string_view v2_signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t v2_fixed = 16;
constexpr std::size_t unix_path_size = 108;

enum Command : unsigned char { command_local = 0x20, command_proxy = 0x21 };  // with the version

/// Address family and transport protocol in one byte; no other combination is valid.
enum Transport : unsigned char {
    unspec = 0x00,
    tcp4 = 0x11,
    udp4 = 0x12,
    tcp6 = 0x21,
    udp6 = 0x22,
    unix_stream = 0x31,
    unix_datagram = 0x32,
};

constexpr unsigned char tlv_crc32c = 0x03;

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<unsigned char>(bytes[at]);
}

unsigned be16_at(std::string_view bytes, std::size_t at) noexcept {
    return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

ProxyHeader malformed() noexcept {
    ProxyHeader header;
    header.outcome = Outcome::malformed;
    return header;
}

ProxyHeader complete(std::size_t size) noexcept {
    ProxyHeader header;
    header.outcome = Outcome::complete;
    header.size = size;
    return header;
}

Address ipv4_address(const void* ip, unsigned port) noexcept {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&address.sin_addr, ip, sizeof(address.sin_addr));
    return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Address ipv6_address(const void* ip, unsigned port) noexcept {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&address.sin6_addr, ip, sizeof(address.sin6_addr));
    return Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

// --- reading version 1 ---

/// Cuts the text up to the next space off `rest`.
std::string_view next_word(std::string_view& rest) noexcept {
    const std::size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    return word;
}

std::optional<unsigned> read_port(std::string_view text) noexcept {
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    const auto port = parse_decimal(text, 65'535);
    if (!port) return std::nullopt;
    return static_cast<unsigned>(*port);
}

/// inet_pton is as strict as the specification: four numbers without leading zeros, 128 bits in
/// all.
std::optional<Address> read_ip(int family, std::string_view text, unsigned port) noexcept {
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof(terminated) || text.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';
    unsigned char ip[16];
    if (::inet_pton(family, terminated, ip) != 1) return std::nullopt;
    return family == AF_INET ? ipv4_address(ip, port) : ipv6_address(ip, port);
}

ProxyHeader read_v1_line(std::string_view line, std::size_t size) noexcept {
    std::string_view rest = line.substr(v1_signature.size());
    const std::string_view protocol = next_word(rest);
    // What follows UNKNOWN is to be ignored, whatever it is.
    if (protocol == "UNKNOWN") return complete(size);
    if (protocol != "TCP4" && protocol != "TCP6") return malformed();
    // Exactly four words: another space would be part of the last one.
    const std::string_view source_ip = next_word(rest);
    const std::string_view destination_ip = next_word(rest);
    const auto source_port = read_port(next_word(rest));
    const auto destination_port = read_port(rest);
    if (!source_port || !destination_port) return malformed();
    const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
    const auto source = read_ip(family, source_ip, *source_port);
    const auto destination = read_ip(family, destination_ip, *destination_port);
    if (!source || !destination) return malformed();
    ProxyHeader header = complete(size);
    header.source = *source;
    header.destination = *destination;
    return header;
}

ProxyHeader read_v1(std::string_view bytes) noexcept {
    const std::string_view window = bytes.substr(0, longest_v1);
    const std::size_t end = window.find_first_of("\r\n");
    if (end == std::string_view::npos)
        return window.size() == longest_v1 ? malformed() : ProxyHeader{};
    if (window[end] == '\n') return malformed();
    if (end + 1 == window.size()) return window.size() == longest_v1 ? malformed() : ProxyHeader{};
    if (window[end + 1] != '\n') return malformed();
    return read_v1_line(window.substr(0, end), end + 2);
}

// --- reading version 2 ---

bool is_transport(unsigned byte) noexcept {
    switch (byte) {
        case unspec:
        case tcp4:
        case udp4:
        case tcp6:
        case udp6:
        case unix_stream:
        case unix_datagram:
            return true;
        default:
            return false;
    }
}

/// Of both addresses and ports.
std::size_t addresses_size(unsigned transport) noexcept {
    switch (transport) {
        case tcp4:
        case udp4:
            return 12;
        case tcp6:
        case udp6:
            return 36;
        case unix_stream:
        case unix_datagram:
            return 2 * unix_path_size;
        default:
            return 0;
    }
}

/// The checksum of the header as if its own four bytes, at `at`, were 0.
bool has_checksum(std::string_view header, std::size_t at) noexcept {
    const std::uint32_t expected = be16_at(header, at) << 16 | be16_at(header, at + 2);
    const std::uint32_t sum =
        crc32c(header.substr(at + 4), crc32c("\0\0\0\0"sv, crc32c(header.substr(0, at))));
    return sum == expected;
}

/// True where TLVs fill the header from `at` to its end, and a checksum among them is right.
bool check_tlvs(std::string_view header, std::size_t at) noexcept {
    while (at < header.size()) {
        if (header.size() - at < 3) return false;
        const unsigned type = byte_at(header, at);
        const std::size_t size = be16_at(header, at + 1);
        at += 3;
        if (header.size() - at < size) return false;
        if (type == tlv_crc32c && (size != 4 || !has_checksum(header, at))) return false;
        at += size;
    }
    return true;
}

/// None for a path that our sockets could not have: empty, abstract, or unterminated.
std::optional<Address> read_unix_path(std::string_view field) noexcept {
    return Address::unix_path(field.substr(0, field.find('\0')));
}

void read_addresses(std::string_view header, unsigned transport, ProxyHeader& out) noexcept {
    const char* at = header.data() + v2_fixed;
    if (transport == tcp4) {
        out.source = ipv4_address(at, be16_at(header, v2_fixed + 8));
        out.destination = ipv4_address(at + 4, be16_at(header, v2_fixed + 10));
    } else if (transport == tcp6) {
        out.source = ipv6_address(at, be16_at(header, v2_fixed + 32));
        out.destination = ipv6_address(at + 16, be16_at(header, v2_fixed + 34));
    } else if (transport == unix_stream) {
        const auto source = read_unix_path(header.substr(v2_fixed, unix_path_size));
        const auto destination =
            read_unix_path(header.substr(v2_fixed + unix_path_size, unix_path_size));
        if (!source || !destination) return;
        out.source = *source;
        out.destination = *destination;
    }
}

ProxyHeader read_v2(std::string_view bytes) noexcept {
    if (bytes.size() <= v2_signature.size()) return {};
    const unsigned command = byte_at(bytes, 12);
    if (command != command_local && command != command_proxy) return malformed();
    if (bytes.size() < 14) return {};
    // Of LOCAL the whole block is to be ignored, its transport too.
    const unsigned transport = command == command_local ? unsigned{unspec} : byte_at(bytes, 13);
    if (!is_transport(transport)) return malformed();
    if (bytes.size() < v2_fixed) return {};
    const std::size_t size = v2_fixed + be16_at(bytes, 14);
    if (size > longest_proxy_header || size < v2_fixed + addresses_size(transport))
        return malformed();
    if (bytes.size() < size) return {};
    ProxyHeader header = complete(size);
    if (transport == unspec) return header;
    const std::string_view whole = bytes.substr(0, size);
    if (!check_tlvs(whole, v2_fixed + addresses_size(transport))) return malformed();
    read_addresses(whole, transport, header);
    return header;
}

// --- writing ---

bool is_mapped(const Address& address) noexcept {
    return address.family() == AF_INET6 &&
           IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr);
}

bool is_ip(const Address& address) noexcept {
    return address.family() == AF_INET || address.family() == AF_INET6;
}

using Ip = std::array<unsigned char, 16>;

/// IPv4 as IPv6 has it (RFC 4291 section 2.5.5.2). The last four bytes are the IPv4 address.
Ip as_ipv6(const Address& address) noexcept {
    Ip ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address.family() == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
        std::memcpy(ip.data(), &v6->sin6_addr, 16);
    } else {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
        std::memcpy(ip.data() + 12, &v4->sin_addr, 4);
    }
    return ip;
}

std::string_view text_of(const Ip& ip, std::size_t from) noexcept {
    return {reinterpret_cast<const char*>(ip.data()) + from, ip.size() - from};
}

/// The family that both addresses can be written in; AF_UNSPEC where there is none.
int common_family(const Address& source, const Address& destination) noexcept {
    if (is_ip(source) && is_ip(destination)) {
        const auto is_v4 = [](const Address& a) { return a.family() == AF_INET || is_mapped(a); };
        return is_v4(source) && is_v4(destination) ? AF_INET : AF_INET6;
    }
    const bool both_local = source.family() == AF_UNIX && destination.family() == AF_UNIX;
    return both_local ? AF_UNIX : AF_UNSPEC;
}

/// The path's bytes; none where the socket has no name.
std::string_view path_of(const Address& address) noexcept {
    constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);
    const auto* local = reinterpret_cast<const sockaddr_un*>(address.data());
    const std::size_t most = address.size() > path_at ? address.size() - path_at : 0;
    return {local->sun_path, ::strnlen(local->sun_path, std::min(most, unix_path_size))};
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) noexcept {
    const auto may_become = [bytes](std::string_view signature) {
        const std::size_t known = std::min(bytes.size(), signature.size());
        return bytes.substr(0, known) == signature.substr(0, known);
    };
    if (may_become(v2_signature)) return read_v2(bytes);
    if (may_become(v1_signature)) return read_v1(bytes);
    return malformed();
}

void ProxyHeaderText::append(std::string_view bytes) noexcept {
    std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
}

void ProxyHeaderText::append_be16(std::uint16_t value) noexcept {
    const std::uint16_t in_order = htons(value);
    append({reinterpret_cast<const char*>(&in_order), 2});
}

void ProxyHeaderText::append_number(unsigned value) noexcept {
    char* const at = bytes_.data() + size_;
    size_ += static_cast<std::size_t>(std::to_chars(at, bytes_.data() + longest, value).ptr - at);
}

void ProxyHeaderText::append_v1(const Address& source, const Address& destination) noexcept {
    const int family = common_family(source, destination);
    if (family != AF_INET && family != AF_INET6) return append("PROXY UNKNOWN\r\n");
    append(family == AF_INET ? "PROXY TCP4" : "PROXY TCP6");
    for (const Address* address : {&source, &destination}) {
        const Ip ip = as_ipv6(*address);
        char text[INET6_ADDRSTRLEN];
        ::inet_ntop(family, ip.data() + (family == AF_INET ? 12 : 0), text, sizeof(text));
        append(" ");
        append(text);
    }
    for (const Address* address : {&source, &destination}) {
        append(" ");
        append_number(address->port());
    }
    append("\r\n");
}

void ProxyHeaderText::append_v2(const Address& source, const Address& destination) noexcept {
    const int family = common_family(source, destination);
    const unsigned char transport = family == AF_INET    ? tcp4
                                    : family == AF_INET6 ? tcp6
                                    : family == AF_UNIX  ? unix_stream
                                                         : unspec;
    const char kind[] = {static_cast<char>(command_proxy), static_cast<char>(transport)};
    append(v2_signature);
    append({kind, 2});
    append_be16(static_cast<std::uint16_t>(addresses_size(transport)));
    if (transport == unix_stream) {
        for (const Address* address : {&source, &destination}) {
            const std::string_view path = path_of(*address);
            append(path);
            std::memset(bytes_.data() + size_, 0, unix_path_size - path.size());
            size_ += unix_path_size - path.size();
        }
    } else if (transport != unspec) {
        const std::size_t from = family == AF_INET ? 12 : 0;
        append(text_of(as_ipv6(source), from));
        append(text_of(as_ipv6(destination), from));
        append_be16(source.port());
        append_be16(destination.port());
    }
}

ProxyHeaderText ProxyHeaderText::relayed(ProxyProtocol version, const Address& source,
                                         const Address& destination) noexcept {
    ProxyHeaderText text;
    if (version == ProxyProtocol::v1)
        text.append_v1(source, destination);
    else
        text.append_v2(source, destination);
    return text;
}

ProxyHeaderText ProxyHeaderText::own(ProxyProtocol version) noexcept {
    ProxyHeaderText text;
    if (version == ProxyProtocol::v1) {
        text.append("PROXY UNKNOWN\r\n");
    } else {
        const char kind[] = {static_cast<char>(command_local), static_cast<char>(unspec)};
        text.append(v2_signature);
        text.append({kind, 2});
        text.append_be16(0);
    }
    return text;
}

}  // namespace penstock::net
