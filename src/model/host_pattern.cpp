#include "model/host_pattern.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "model/punycode.hpp"
#include "net/address.hpp"

namespace penstock::model {

namespace {

Failure<Error> fault(std::string message) {
    return Failure{Error{std::move(message)}};
}

bool is_label_byte(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

Result<void> check_label(std::string_view label) {
    if (label.empty()) return fault("an empty label (two dots in a row, or one in front)");
    if (label.size() > 63) return fault("a label over 63 bytes");
    if (label.front() == '-' || label.back() == '-') {
        return fault(fmt::format("the label \"{}\" begins or ends with a hyphen", label));
    }
    if (label.size() >= 4 && label.substr(2, 2) == "--") {
        if (!label.starts_with("xn--"))
            return fault(fmt::format("\"{}\" is a reserved label", label));
        if (!is_punycode(label.substr(4)))
            return fault(fmt::format("\"{}\" is not a valid A-label", label));
    }
    return {};
}

/// What some resolvers read as the end of an IPv4 address (WHATWG URL, "ends in a number").
bool is_number(std::string_view label) {
    const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
    if (label.starts_with("0x")) return std::all_of(label.begin() + 2, label.end(), is_hex);
    return std::all_of(label.begin(), label.end(), is_digit);
}

/// One that a human cannot have meant as a name says best what is wrong with it.
Result<void> check_bytes(std::string_view name) {
    if (name.find("://") != std::string_view::npos) return fault("a scheme does not belong here");
    for (const char c : name) {
        if (is_label_byte(c) || c == '.') continue;
        if (c == ':') return fault("a port does not belong here");
        if (c == '*')
            return fault("\"*\" stands alone or as the whole first label (\"*.example.com\")");
        if (static_cast<unsigned char>(c) >= 0x80) {
            return fault("not ASCII: write international names as A-labels (xn--...)");
        }
        if (c > ' ' && c < 0x7f) return fault(fmt::format("'{}' cannot stand in a host name", c));
        return fault("white space or a control byte");
    }
    return {};
}

/// `name` is lower case and without a trailing dot.
Result<void> check_name(std::string_view name) {
    if (name.empty()) return fault("must not be empty");
    if (const auto bytes = check_bytes(name); !bytes) return bytes;
    if (name.size() > longest_host) return fault(fmt::format("longer than {} bytes", longest_host));
    std::string_view rest = name;
    std::string_view label;
    do {
        const std::size_t dot = rest.find('.');
        label = rest.substr(0, dot);
        if (const auto checked = check_label(label); !checked) return checked;
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
        if (dot != std::string_view::npos && rest.empty())
            return fault("ends in more than one dot");
    } while (!rest.empty());
    // "127.1" and "0x7f.1" are addresses to some resolvers and names to others: neither here.
    if (is_number(label)) {
        return fault("neither an IPv4 address nor a name (a name does not end in a number)");
    }
    return {};
}

std::string without_trailing_dot(std::string_view text) {
    std::string lower = to_lower(text);
    if (lower.size() > 1 && lower.back() == '.') lower.pop_back();
    return lower;
}

/// The canonical text of an address literal without brackets; empty where it is none.
std::string canonical_address(std::string_view text) {
    const auto address = net::Address::parse(text, 0);
    return address ? address->host() : std::string();
}

}  // namespace

Result<std::string> canonical_host_pattern(std::string_view text) {
    if (text == "*") return std::string("*");
    if (text.starts_with('[')) {
        const std::string address = canonical_address(text);
        if (address.empty()) return fault("not an IPv6 address in brackets (without a port)");
        return address.find(':') == std::string::npos ? address : "[" + address + "]";
    }
    const std::string host = without_trailing_dot(text);
    if (std::count(host.begin(), host.end(), ':') > 1 && !canonical_address(host).empty()) {
        return fault("an IPv6 address stands in brackets");
    }
    if (const std::string address = canonical_address(host); !address.empty()) return address;
    const std::string_view name = host.starts_with("*.") ? std::string_view(host).substr(2) : host;
    if (name.size() != host.size() && !canonical_address(name).empty())
        return fault("an address has no subdomains");
    if (const auto checked = check_name(name); !checked) return Failure{checked.error()};
    if (host.size() > longest_host) return fault(fmt::format("longer than {} bytes", longest_host));
    return host;
}

Result<std::string> canonical_hostname(std::string_view text) {
    if (const std::string address = canonical_address(text); !address.empty()) return address;
    if (text.starts_with('[')) return fault("not an IPv6 address");
    const std::string host = without_trailing_dot(text);
    if (const auto checked = check_name(host); !checked) return Failure{checked.error()};
    return host;
}

bool is_address(std::string_view host) {
    return net::Address::parse(host, 0).has_value();
}

bool needs_lookup(std::string_view hostname) {
    return hostname != "localhost" && !is_address(hostname);
}

std::string authority_of(std::string_view hostname, unsigned port) {
    const bool brackets = hostname.find(':') != std::string_view::npos;
    return brackets ? fmt::format("[{}]:{}", hostname, port) : fmt::format("{}:{}", hostname, port);
}

}  // namespace penstock::model
