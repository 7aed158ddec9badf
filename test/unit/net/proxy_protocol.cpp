// PROXY headers: every form the specification names, every cut, every byte that must not pass; and
// that what is written is what is read.
#include "net/proxy_protocol.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock::net;
using namespace std::string_literals;

namespace {

using Outcome = ProxyHeader::Outcome;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string be16(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

/// A version 2 header with its length put right.
std::string v2(unsigned char command, unsigned char transport, const std::string& block) {
    return signature + static_cast<char>(command) + static_cast<char>(transport) +
           be16(block.size()) + block;
}

std::string tlv(unsigned char type, const std::string& value) {
    return static_cast<char>(type) + be16(value.size()) + value;
}

const std::string v4_block = "\x0a\x01\x02\x03\x7f\x00\x00\x01\xd4\x31\x01\xbb"s;

/// CRC-32C bit by bit, from its definition: not the table that is tested.
std::uint32_t slow_crc32c(const std::string& bytes) {
    std::uint32_t sum = 0xffff'ffff;
    for (const char c : bytes) {
        sum ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? sum >> 1 ^ 0x82f6'3b78 : sum >> 1;
    }
    return ~sum;
}

/// A header over IPv4 whose first TLV is its checksum, with another behind.
std::string summed() {
    std::string header = v2(0x21, 0x11, v4_block + tlv(0x03, "\0\0\0\0"s) + tlv(0x04, "padding"));
    const std::uint32_t sum = slow_crc32c(header);
    const std::size_t at = 16 + v4_block.size() + 3;
    for (unsigned i = 0; i < 4; ++i) header[at + i] = static_cast<char>(sum >> (24 - 8 * i));
    return header;
}

/// Reads `header` with `after` behind it and checks every cut on the way there.
ProxyHeader read_whole(const std::string& header, const std::string& after = "GET / HTTP/1.1") {
    for (std::size_t cut = 0; cut < header.size(); ++cut) {
        INFO("cut at " << cut);
        CHECK(read_proxy_header(std::string_view(header).substr(0, cut)).outcome ==
              Outcome::incomplete);
    }
    const ProxyHeader alone = read_proxy_header(header);
    const ProxyHeader read = read_proxy_header(header + after);
    REQUIRE(read.outcome == Outcome::complete);
    CHECK(alone.outcome == Outcome::complete);
    CHECK(alone.size == header.size());
    CHECK(read.size == header.size());
    return read;
}

bool is_malformed(const std::string& bytes) {
    const bool at_last = read_proxy_header(bytes).outcome == Outcome::malformed;
    // Once malformed, no further byte heals it.
    bool before = false;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        const Outcome outcome = read_proxy_header(std::string_view(bytes).substr(0, cut)).outcome;
        CHECK(outcome != Outcome::complete);
        if (before) CHECK(outcome == Outcome::malformed);
        before = outcome == Outcome::malformed;
    }
    return at_last;
}

}  // namespace

TEST_CASE("PROXY version 1: addresses are read") {
    const auto v4 = read_whole("PROXY TCP4 192.168.0.1 255.255.255.255 56324 443\r\n");
    CHECK(v4.source.endpoint() == "192.168.0.1:56324");
    CHECK(v4.destination.endpoint() == "255.255.255.255:443");
    const auto v6 = read_whole("PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n");
    CHECK(v6.source.endpoint() == "[2001:db8::1]:0");
    CHECK(v6.destination.endpoint() == "[::1]:65535");
    const std::string full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    const auto longest = read_whole("PROXY TCP6 " + full + " " + full + " 65535 65535\r\n");
    CHECK(longest.size == 104);
    CHECK(longest.source.host() == full);
}

TEST_CASE("PROXY version 1: UNKNOWN has no addresses, whatever follows the word") {
    const std::string full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (const std::string& line :
         {"PROXY UNKNOWN\r\n"s, "PROXY UNKNOWN \r\n"s, "PROXY UNKNOWN \0 anything\x80\r\n"s,
          "PROXY UNKNOWN " + full + " " + full + " 65535 65535\r\n"}) {
        const auto read = read_whole(line, "\r\n");
        CHECK_FALSE(read.has_addresses());
        CHECK(read.destination.family() == AF_UNSPEC);
    }
}

TEST_CASE("PROXY version 1: a line has at most 107 bytes") {
    const std::string start = "PROXY UNKNOWN ";
    CHECK(read_whole(start + std::string(107 - 2 - start.size(), 'x') + "\r\n").size == 107);
    CHECK(is_malformed(start + std::string(108 - 2 - start.size(), 'x') + "\r\n"));
    CHECK(is_malformed(start + std::string(107 - start.size(), 'x')));
}

TEST_CASE("PROXY version 1: sloppy lines are malformed") {
    for (const std::string& line : {"PROXY\r\n"s,
                                    "PROXY \r\n"s,
                                    "PROXY TCP4\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"s,
                                    "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8  1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1\t2\r\n"s,
                                    "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 0x1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP4 ::1 ::1 1 2\r\n"s,
                                    "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP6 ::1 [::1] 1 2\r\n"s,
                                    "PROXY TCP6 ::1 1::2::3 1 2\r\n"s,
                                    "PROXY TCP6 ::1 fe80::1%eth0 1 2\r\n"s,
                                    "PROXY TCP6 ::12345 ::1 1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 99999999999999999999\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 00 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n"s,
                                    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX"s,
                                    "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n"s,
                                    "PROXY UNKNOWNX\r\n"s,
                                    "PROXY unknown\r\n"s,
                                    "PROXY UNKNOWN\n"s}) {
        INFO(line);
        CHECK(is_malformed(line));
    }
}

TEST_CASE("what is no PROXY header is told by its first wrong byte") {
    for (const std::string& bytes : {"G"s, "p"s, "PRI"s, "PROXZ"s, " "s, "PROXY\t"s, "\n"s,
                                     "\r\n\r\n\r"s, "\r\n\r\n\0\r\nQUIX"s, "\x16"s}) {
        INFO(bytes);
        CHECK(is_malformed(bytes));
        CHECK(read_proxy_header(std::string_view(bytes).substr(0, bytes.size() - 1)).outcome ==
              Outcome::incomplete);
    }
}

TEST_CASE("PROXY version 2: addresses are read") {
    const auto v4 = read_whole(v2(0x21, 0x11, v4_block));
    CHECK(v4.source.endpoint() == "10.1.2.3:54321");
    CHECK(v4.destination.endpoint() == "127.0.0.1:443");
    const std::string ip = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s;
    const auto v6 = read_whole(v2(0x21, 0x21, ip + ip + "\x00\x01\xff\xff"s));
    CHECK(v6.source.endpoint() == "[2001:db8::1]:1");
    CHECK(v6.destination.endpoint() == "[2001:db8::1]:65535");
    std::string from = "/run/a", to = std::string(107, 'p');
    from.resize(108);
    to.resize(108);
    const auto local = read_whole(v2(0x21, 0x31, from + to));
    CHECK(local.source.endpoint() == "unix:/run/a");
    CHECK(local.destination.endpoint() == "unix:" + std::string(107, 'p'));
}

TEST_CASE("PROXY version 2: the connection's own addresses hold where none are named") {
    const std::string no_path(108, '\0'), unterminated(108, 'p');
    for (const std::string& header :
         {v2(0x20, 0x00, ""), v2(0x20, 0x11, v4_block), v2(0x20, 0x11, "short"),
          v2(0x20, 0xff, "not TLVs"), v2(0x21, 0x00, ""), v2(0x21, 0x00, "not TLVs"),
          v2(0x21, 0x12, v4_block), v2(0x21, 0x22, std::string(36, '\1')),
          v2(0x21, 0x32, std::string(216, 'p')), v2(0x21, 0x31, no_path + no_path),
          v2(0x21, 0x31, unterminated + unterminated)}) {
        const auto read = read_whole(header, "\r\n\r\n");
        CHECK_FALSE(read.has_addresses());
        CHECK(read.destination.family() == AF_UNSPEC);
    }
}

TEST_CASE("PROXY version 2: TLVs are passed over, but have to fit") {
    for (const std::string& tlvs :
         {tlv(0x01, "h2"), tlv(0x02, "name.example") + tlv(0x05, std::string(128, 'u')),
          tlv(0x04, ""), tlv(0xe0, std::string(3'000, 'x')), tlv(0x20, "\x07\0\0\0\0"s)}) {
        const auto read = read_whole(v2(0x21, 0x11, v4_block + tlvs));
        CHECK(read.source.endpoint() == "10.1.2.3:54321");
    }
    for (const std::string& tlvs :
         {"\x01"s, "\x01\0"s, "\x01\0\x03h2"s, tlv(0x01, "h2") + "\x04", "\x04\xff\xff"s}) {
        CHECK(is_malformed(v2(0x21, 0x11, v4_block + tlvs)));
        CHECK(is_malformed(v2(0x21, 0x12, v4_block + tlvs)));
    }
}

TEST_CASE("PROXY version 2: a checksum that is there is right") {
    const std::string header = summed();
    CHECK(read_whole(header).source.endpoint() == "10.1.2.3:54321");
    const std::size_t types = 16 + v4_block.size();
    for (std::size_t at = 16; at < header.size(); ++at) {
        // Another type of TLV would be no checksum, other lengths are looked at above.
        if (at >= types && at < types + 3) continue;
        if (at >= types + 7 && at < types + 10) continue;
        std::string changed = header;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        INFO("byte " << at);
        CHECK(is_malformed(changed));
    }
    CHECK(is_malformed(v2(0x21, 0x11, v4_block + tlv(0x03, "\0\0\0"s))));
    CHECK(is_malformed(v2(0x21, 0x11, v4_block + tlv(0x03, "\0\0\0\0\0"s))));
}

TEST_CASE("PROXY version 2: reserved values, short and overlong blocks are malformed") {
    for (const unsigned command : {0x00, 0x10, 0x11, 0x22, 0x2f, 0x31, 0xff})
        CHECK(is_malformed(v2(static_cast<unsigned char>(command), 0x11, v4_block)));
    for (unsigned transport = 0; transport < 256; ++transport) {
        const bool valid = transport == 0 || ((transport >> 4) <= 3 && (transport >> 4) > 0 &&
                                              ((transport & 15) == 1 || (transport & 15) == 2));
        if (valid) continue;
        INFO(transport);
        CHECK(is_malformed(v2(0x21, static_cast<unsigned char>(transport), std::string(216, 'p'))));
    }
    CHECK(is_malformed(v2(0x21, 0x11, v4_block.substr(1))));
    CHECK(is_malformed(v2(0x21, 0x21, std::string(35, 'x'))));
    CHECK(is_malformed(v2(0x21, 0x31, std::string(215, 'x'))));
    CHECK(is_malformed(v2(0x21, 0x11, "")));
    const std::size_t room = longest_proxy_header - 16;
    CHECK(read_whole(v2(0x20, 0x00, std::string(room, 'x'))).size == longest_proxy_header);
    CHECK(is_malformed(v2(0x20, 0x00, std::string(room + 1, 'x'))));
    CHECK(is_malformed(signature + "\x20"s + "\0\xff\xff"s));
}

TEST_CASE("PROXY headers that are written read back as they were meant") {
    struct Case {
        const char* source;
        const char* destination;
        const char* v1;
        const char* source_read;  // where it is not as given
        const char* destination_read;
    };
    for (const Case& c : std::vector<Case>{
             {"1.2.3.4:5", "6.7.8.9:10", "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n"},
             {"[2001:db8::1]:65535", "[::1]:0", "PROXY TCP6 2001:db8::1 ::1 65535 0\r\n"},
             {"[::ffff:1.2.3.4]:5", "6.7.8.9:10", "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n",
              "1.2.3.4:5"},
             {"[::ffff:1.2.3.4]:5", "[::ffff:6.7.8.9]:10", "PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n",
              "1.2.3.4:5", "6.7.8.9:10"},
             {"1.2.3.4:5", "[2001:db8::1]:10", "PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 5 10\r\n",
              "[::ffff:1.2.3.4]:5"},
             {"unix:/run/a", "unix:/run/b", "PROXY UNKNOWN\r\n"}}) {
        const auto source = *Address::parse_endpoint(c.source);
        const auto destination = *Address::parse_endpoint(c.destination);
        INFO(c.source << " to " << c.destination);
        const auto text = ProxyHeaderText::relayed(ProxyProtocol::v1, source, destination);
        CHECK(text.bytes() == c.v1);
        const auto binary = ProxyHeaderText::relayed(ProxyProtocol::v2, source, destination);
        for (const auto& header : {text, binary}) {
            const auto read = read_whole(std::string(header.bytes()));
            if (!read.has_addresses()) {
                CHECK(c.v1 == "PROXY UNKNOWN\r\n"s);
                continue;
            }
            const char* const from = c.source_read != nullptr ? c.source_read : c.source;
            const char* const to =
                c.destination_read != nullptr ? c.destination_read : c.destination;
            CHECK(read.source == *Address::parse_endpoint(from));
            CHECK(read.destination == *Address::parse_endpoint(to));
        }
        CHECK(read_proxy_header(binary.bytes()).has_addresses());
    }
}

TEST_CASE("a PROXY header without addresses is written where there are none to name") {
    const auto v4 = *Address::parse_endpoint("1.2.3.4:5");
    const auto local = *Address::parse_endpoint("unix:/run/a");
    for (const auto& [source, destination] :
         std::vector<std::pair<Address, Address>>{{v4, Address()}, {local, v4}, {{}, {}}}) {
        const auto v1 = ProxyHeaderText::relayed(ProxyProtocol::v1, source, destination);
        CHECK(v1.bytes() == "PROXY UNKNOWN\r\n");
        const auto binary = ProxyHeaderText::relayed(ProxyProtocol::v2, source, destination);
        CHECK(binary.bytes() == v2(0x21, 0x00, ""));
    }
    CHECK(ProxyHeaderText::own(ProxyProtocol::v1).bytes() == "PROXY UNKNOWN\r\n");
    CHECK(ProxyHeaderText::own(ProxyProtocol::v2).bytes() == v2(0x20, 0x00, ""));
}
