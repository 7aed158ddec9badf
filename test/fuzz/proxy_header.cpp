// PROXY headers: no cut changes the verdict, and what is read can be written and read again.
#include <string>

#include "net/proxy_protocol.hpp"
#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::net;
using Outcome = ProxyHeader::Outcome;

/// Written in either version, two addresses read back as themselves, IPv4 in IPv6 as either.
void check_identity(const ProxyHeader& header) {
    for (const ProxyProtocol version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
        const auto text = ProxyHeaderText::relayed(version, header.source, header.destination);
        const ProxyHeader again = read_proxy_header(text.bytes());
        PENSTOCK_ASSERT(again.outcome == Outcome::complete);
        PENSTOCK_ASSERT(again.size == text.bytes().size());
        const bool has_form = header.has_addresses() &&
                              (version == ProxyProtocol::v2 || header.source.family() != AF_UNIX);
        PENSTOCK_ASSERT(again.has_addresses() == has_form);
        if (!has_form) continue;
        PENSTOCK_ASSERT(again.source.endpoint() == header.source.endpoint());
        PENSTOCK_ASSERT(again.destination.endpoint() == header.destination.endpoint());
        const auto twice = ProxyHeaderText::relayed(version, again.source, again.destination);
        PENSTOCK_ASSERT(twice.bytes() == text.bytes());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = text_of(data, size);
    const ProxyHeader whole = read_proxy_header(bytes);
    // The first verdict on the way is the last: more bytes change nothing.
    ProxyHeader first;
    std::size_t there = 0;
    for (; there <= bytes.size() && first.outcome == Outcome::incomplete; ++there) {
        const std::string beginning(bytes.substr(0, there));
        first = read_proxy_header(beginning);
    }
    PENSTOCK_ASSERT(first.outcome == whole.outcome);
    PENSTOCK_ASSERT(whole.outcome != Outcome::incomplete || size < longest_proxy_header);
    if (whole.outcome != Outcome::complete) return 0;
    PENSTOCK_ASSERT(whole.size == there - 1);  // known with its last byte, and not before
    PENSTOCK_ASSERT(whole.size <= longest_proxy_header);
    PENSTOCK_ASSERT(first.size == whole.size);
    PENSTOCK_ASSERT(first.source == whole.source && first.destination == whole.destination);
    PENSTOCK_ASSERT(whole.has_addresses() == (whole.destination.family() != AF_UNSPEC));
    PENSTOCK_ASSERT(whole.source.family() == whole.destination.family());
    check_identity(whole);
    return 0;
}
