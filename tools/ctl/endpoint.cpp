#include "ctl/endpoint.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "net/address.hpp"

namespace penstock::ctl {

namespace {

Failure<Error> refusal(std::string_view text, std::string_view reason) {
    return Failure{Error{fmt::format("'{}' is no address of the API: {}", text, reason)}};
}

/// Cuts "[::1]:80" or "name:80" in two; the port stays as it is where none is given.
bool split_authority(std::string_view authority, Endpoint& into) {
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return false;
        into.host = authority.substr(1, end - 1);
        if (!net::Address::parse(into.host, 0)) return false;
        port = authority.substr(end + 1);
    } else {
        const std::size_t colon = authority.find(':');
        into.host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? "" : authority.substr(colon);
    }
    if (into.host.empty()) return false;
    if (port.empty()) return true;
    const auto number = parse_decimal(port.substr(1), UINT16_MAX);
    if (port.front() != ':' || !number || *number == 0) return false;
    into.port = static_cast<std::uint16_t>(*number);
    return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!equals_lower(text.substr(0, prefix.size()), prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

std::string Endpoint::authority() const {
    if (is_unix()) return host;
    const bool is_v6 = host.find(':') != std::string::npos;
    return is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    Endpoint endpoint;
    std::string_view rest = text;
    if (take_prefix(rest, "unix:")) {
        if (!net::Address::unix_path(rest)) return refusal(text, "a path has 1 to 107 bytes");
        endpoint.unix_path = rest;
        endpoint.host = "localhost";
        endpoint.url = text;
        return endpoint;
    }
    endpoint.is_tls = take_prefix(rest, "https://");
    if (!endpoint.is_tls) take_prefix(rest, "http://");
    if (rest.find('@') != std::string_view::npos)  // not quoted: there may be a password in it
        return Failure{
            Error{"--admin takes no user name or password: a token stands in --token-file"}};
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#") != std::string_view::npos)
        return refusal(text, "it takes no path");
    if (!split_authority(rest, endpoint))
        return refusal(text, "http://HOST:PORT, https://HOST:PORT or unix:PATH is wanted");
    for (const char c : endpoint.host) {
        if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f)
            return refusal("", "a host name has no such characters");
    }
    endpoint.url = fmt::format("{}://{}", endpoint.is_tls ? "https" : "http", endpoint.authority());
    return endpoint;
}

}  // namespace penstock::ctl
