#include "model/field_names.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "http/framing.hpp"

namespace penstock::model {

namespace {

enum class Reserved : std::uint8_t { no, set, removed, both };

struct ReservedField {
    std::string_view name;
    Reserved in_requests;
    Reserved in_responses;
    std::string_view why;
};

constexpr std::string_view of_connection = "this field belongs to the connection, not to a route";
constexpr std::string_view of_framing = "this field frames the message: it is the proxy's to write";
constexpr std::string_view of_next_proxy =
    "this field is for a proxy beyond, which a backend is not";

/// RFC 9110 section 7.6.1 and what older RFCs add to it; then what an intermediary must send.
constexpr std::array reserved_fields{
    ReservedField{"connection", Reserved::both, Reserved::both, of_connection},
    ReservedField{"http2-settings", Reserved::both, Reserved::both, of_connection},
    ReservedField{"keep-alive", Reserved::both, Reserved::both, of_connection},
    ReservedField{"proxy-connection", Reserved::both, Reserved::both, of_connection},
    ReservedField{"te", Reserved::both, Reserved::both, of_connection},
    ReservedField{"upgrade", Reserved::both, Reserved::both, of_connection},
    ReservedField{"content-length", Reserved::both, Reserved::both, of_framing},
    ReservedField{"expect", Reserved::both, Reserved::both, of_framing},
    ReservedField{"trailer", Reserved::both, Reserved::both, of_framing},
    ReservedField{"transfer-encoding", Reserved::both, Reserved::both, of_framing},
    ReservedField{"host", Reserved::removed, Reserved::no, "a request has a Host: it can be set"},
    ReservedField{"max-forwards", Reserved::both, Reserved::no, "the proxy counts this field down"},
    ReservedField{"via", Reserved::both, Reserved::set, "the proxy finds loops by this field"},
    ReservedField{"date", Reserved::no, Reserved::both, "a response has the Date it was made at"},
    ReservedField{"proxy", Reserved::set, Reserved::no,
                  "CGI programs take this field for HTTP_PROXY"},
    ReservedField{"proxy-authenticate", Reserved::set, Reserved::set, of_next_proxy},
    ReservedField{"proxy-authentication-info", Reserved::set, Reserved::set, of_next_proxy},
    ReservedField{"proxy-authorization", Reserved::set, Reserved::set, of_next_proxy},
};

constexpr std::array<std::string_view, 3> placeholders{"${request.id}", "${client.ip}", "${vhost}"};

bool is_token_byte(char c) noexcept {
    const char lower = ascii_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

bool is_field_value(std::string_view text) noexcept {
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    };
    return trim_ows(text).size() == text.size() &&
           std::none_of(text.begin(), text.end(), is_control);
}

std::string_view why_reserved(std::string_view name, MessageKind kind, bool removes) noexcept {
    for (const ReservedField& field : reserved_fields) {
        if (!equals_lower(name, field.name)) continue;
        const Reserved against =
            kind == MessageKind::request ? field.in_requests : field.in_responses;
        const Reserved here = removes ? Reserved::removed : Reserved::set;
        if (against == Reserved::both || against == here) return field.why;
    }
    return {};
}

bool is_authority(std::string_view value) noexcept {
    http::RequestHead unused;
    return http::parse_authority(value, unused);
}

bool has_known_placeholders(std::string_view value) noexcept {
    for (std::size_t at = value.find("${"); at != std::string_view::npos;
         at = value.find("${", at + 2)) {
        const bool known = std::any_of(placeholders.begin(), placeholders.end(),
                                       [&](std::string_view placeholder) {
                                           return value.substr(at).starts_with(placeholder);
                                       });
        if (!known) return false;
    }
    return true;
}

}  // namespace penstock::model
