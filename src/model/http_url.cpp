#include "model/http_url.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "model/host_pattern.hpp"

namespace penstock::model {

namespace {

Failure<Error> refuse(std::string message) {
    return Failure{Error{std::move(message)}};
}

bool is_visible(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Where the port's colon is: behind the bracket of an IPv6 address.
std::size_t colon_of(std::string_view authority) noexcept {
    const std::size_t bracket = authority.rfind(']');
    return authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
}

}  // namespace

Result<HttpUrl> HttpUrl::parse(std::string_view text) {
    constexpr std::string_view plain = "http://";
    constexpr std::string_view secure = "https://";
    if (text.size() > longest) return refuse(fmt::format("longer than {} bytes", longest));
    if (!is_visible(text)) return refuse("spaces and control characters cannot stand in a URL");
    HttpUrl url;
    url.is_secure = equals_lower(text.substr(0, secure.size()), secure);
    if (!url.is_secure && !equals_lower(text.substr(0, plain.size()), plain))
        return refuse("must begin with http:// or https://");
    text.remove_prefix(url.is_secure ? secure.size() : plain.size());
    if (text.find('#') != std::string_view::npos) return refuse("a fragment is never sent");

    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    std::string_view authority = text.substr(0, end);
    text.remove_prefix(end);
    if (authority.find('@') != std::string_view::npos)
        return refuse("user names and passwords cannot stand in a URL");
    const std::size_t colon = colon_of(authority);
    std::string_view host = authority.substr(0, colon);
    const std::uint16_t own_port = url.is_secure ? 443 : 80;
    url.port = own_port;
    if (colon != std::string_view::npos) {
        const auto port = parse_decimal(authority.substr(colon + 1), UINT16_MAX);
        if (!port || *port == 0) return refuse("the port is a number from 1 to 65535");
        url.port = static_cast<std::uint16_t>(*port);
    }
    const bool in_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (!in_brackets && host.find(':') != std::string_view::npos)
        return refuse("an IPv6 address stands in brackets");
    auto hostname = canonical_hostname(in_brackets ? host.substr(1, host.size() - 2) : host);
    if (!hostname) return refuse(hostname.error().message);
    url.hostname = std::move(hostname).value();
    url.authority = authority_of(url.hostname, url.port);
    if (url.port == own_port) url.authority.erase(url.authority.rfind(':'));
    url.target = text.starts_with('/') ? std::string(text) : "/" + std::string(text);
    return url;
}

}  // namespace penstock::model
