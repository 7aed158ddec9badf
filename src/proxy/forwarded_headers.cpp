#include "proxy/forwarded_headers.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace penstock::proxy {

namespace {

using http::FieldId;
using http::h1::HeadBuffer;

constexpr std::size_t longest_request_id = 128;

bool is_visible_text(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// The one value of a field that a trusted peer sent; empty where the peer is not trusted or sent
/// none.
std::string_view believed(const http::RequestHead& request, const RequestContext& context,
                          FieldId id) noexcept {
    if (!context.peer.is_trusted()) return {};
    const auto* entry = request.fields.find(id);
    return entry == nullptr ? std::string_view{} : request.fields.value(*entry);
}

/// The address nearest to us in X-Forwarded-For that is not a trusted proxy's: the client.
std::string_view client_in_chain(const http::RequestHead& request,
                                 const Settings& settings) noexcept {
    std::string_view client;
    std::string_view first;
    for (const auto& entry : request.fields) {
        if (entry.id != FieldId::x_forwarded_for) continue;
        for_each_element(request.fields.value(entry), [&](std::string_view hop) {
            if (first.empty()) first = hop;
            const auto address = net::Address::parse(hop, 0);
            if (!address || !is_trusted_proxy(*address, settings)) client = hop;
        });
    }
    return client.empty() ? first : client;
}

void write_forwarded_for(HeadBuffer& out, const http::RequestHead& request,
                         const RequestContext& context) {
    out.append("X-Forwarded-For: ");
    if (context.peer.is_trusted()) {
        for (const auto& entry : request.fields) {
            if (entry.id != FieldId::x_forwarded_for || request.fields.value(entry).empty())
                continue;
            out.append(request.fields.value(entry));
            out.append(", ");
        }
    }
    out.append(context.peer.host());
    out.append("\r\n");
}

void write_real_ip(HeadBuffer& out, const http::RequestHead& request,
                   const RequestContext& context) {
    std::string_view client;
    if (context.peer.is_trusted()) {
        client = client_in_chain(request, context.settings);
        if (client.empty()) client = believed(request, context, FieldId::x_real_ip);
    }
    out.append_field("X-Real-IP", client.empty() ? context.peer.host() : client);
}

void write_request_id(HeadBuffer& out, const http::RequestHead& request,
                      const RequestContext& context) {
    const std::string_view given = believed(request, context, FieldId::x_request_id);
    if (!given.empty() && given.size() <= longest_request_id && is_visible_text(given)) {
        out.append_field("X-Request-ID", given);
        return;
    }
    std::array<char, 36> id;
    write_uuid_v7(id.data(), unix_milliseconds(), context.random);
    out.append_field("X-Request-ID", {id.data(), id.size()});
}

void write_via(HeadBuffer& out, unsigned minor_version, std::string_view node_name) {
    out.append(minor_version == 0 ? "Via: 1.0 " : "Via: 1.1 ");
    out.append(node_name);
    out.append("\r\n");
}

void write_request_line(HeadBuffer& out, const http::RequestHead& request) {
    out.append(request.method_text);
    out.append(" ");
    if (request.path.empty()) {
        out.append(request.method == http::Method::options ? "*" : "/");  // RFC 9112 section 3.2.4
    } else if (request.path.front() == '?') {
        out.append("/");
    }
    out.append(request.path);
    out.append(" HTTP/1.1\r\n");
}

void write_connection(HeadBuffer& out, const http::RequestHead& request, std::string_view upgrade) {
    if (!upgrade.empty()) {
        out.append(request.accepts_trailers ? "Connection: upgrade, TE\r\n"
                                            : "Connection: upgrade\r\n");
        out.append_field("Upgrade", upgrade);
    } else if (request.accepts_trailers) {
        out.append("Connection: TE\r\n");
    }
    if (request.accepts_trailers) out.append("TE: trailers\r\n");
}

void write_client_connection(HeadBuffer& out, const http::ResponseHead& response,
                             const ResponseContext& context) {
    // 101 says what is switched to, 426 what would have to be (RFC 9110 section 15.5.22).
    const bool names_protocol =
        response.status == 101 || (response.status == 426 && !response.upgrade.empty());
    if (names_protocol) {
        out.append_field("Upgrade", response.upgrade);
        out.append(context.keep_alive ? "Connection: upgrade\r\n"
                                      : "Connection: upgrade, close\r\n");
    } else if (!context.keep_alive) {
        out.append("Connection: close\r\n");
    } else if (context.client_is_1_0) {
        out.append("Connection: keep-alive\r\n");
    }
    if (context.chunked) out.append("Transfer-Encoding: chunked\r\n");
}

}  // namespace

std::string_view allowed_upgrade(const http::RequestHead& request,
                                 const snapshot::Route& route) noexcept {
    std::string_view allowed;
    for_each_element(request.upgrade, [&](std::string_view protocol) {
        if (!allowed.empty()) return;
        for (const std::string& name : route.upgrades) {
            if (equals_lower(protocol, name)) allowed = protocol;
        }
    });
    return allowed;
}

bool came_from_us(const http::RequestHead& request, std::string_view node_name) noexcept {
    bool loop = false;
    for (const auto& entry : request.fields) {
        if (entry.id != FieldId::via) continue;
        for_each_element(request.fields.value(entry), [&](std::string_view hop) {
            const std::size_t space =
                hop.find(' ');  // received-protocol SP received-by [ comment ]
            if (space == std::string_view::npos) return;
            const std::string_view received_by = trim_ows(hop.substr(space + 1));
            if (received_by.substr(0, received_by.find(' ')) == node_name) loop = true;
        });
    }
    return loop;
}

std::optional<std::uint64_t> max_forwards(const http::RequestHead& request) noexcept {
    if (request.method != http::Method::options) return std::nullopt;
    const auto* entry = request.fields.find(FieldId::max_forwards);
    return entry == nullptr ? std::nullopt : parse_decimal(request.fields.value(*entry));
}

void write_upstream_head(HeadBuffer& out, http::RequestHead& request,
                         const RequestContext& context) {
    const bool absolute_form = request.path.data() != request.target.data();
    const auto forwards_left = max_forwards(request);
    for (auto& entry : request.fields) {
        switch (entry.id) {
            case FieldId::proxy:  // httpoxy: CGI backends take it for HTTP_PROXY
            case FieldId::x_forwarded_for:
            case FieldId::x_forwarded_host:
            case FieldId::x_forwarded_proto:
            case FieldId::x_real_ip:
            case FieldId::x_request_id:
                entry.dropped = true;
                break;
            case FieldId::host:
                entry.dropped = absolute_form;
                break;
            case FieldId::max_forwards:
                entry.dropped = forwards_left.has_value();
                break;
            default:
                break;
        }
    }
    write_request_line(out, request);
    if (absolute_form) out.append_field("Host", request.authority);
    http::h1::write_kept_fields(out, request.fields, request.bytes.data() + request.bytes.size());
    if (request.framing.kind == http::BodyFraming::Kind::chunked)
        out.append("Transfer-Encoding: chunked\r\n");
    if (forwards_left) {
        out.append("Max-Forwards: ");
        out.append_number(*forwards_left - 1);
        out.append("\r\n");
    }
    write_connection(out, request, context.upgrade);
    write_forwarded_for(out, request, context);
    write_real_ip(out, request, context);
    const std::string_view proto = believed(request, context, FieldId::x_forwarded_proto);
    out.append_field("X-Forwarded-Proto", proto.empty() ? "http" : proto);
    const std::string_view host = believed(request, context, FieldId::x_forwarded_host);
    out.append_field("X-Forwarded-Host", host.empty() ? request.authority : host);
    write_request_id(out, request, context);
    write_via(out, request.minor_version, context.settings.node_name);
    out.append("\r\n");
}

void write_client_head(HeadBuffer& out, http::ResponseHead& response,
                       const ResponseContext& context) {
    const bool interim = response.is_interim();
    bool has_date = false;
    for (auto& entry : response.fields) {
        if (entry.id == FieldId::date) has_date = true;
        // RFC 9110 section 8.6: neither 1xx nor 204 carries a length.
        const bool no_length = response.status < 200 || response.status == 204;
        if (entry.id == FieldId::content_length && no_length) entry.dropped = true;
        if (entry.id == FieldId::trailer && !context.chunked) entry.dropped = true;
    }
    http::h1::write_status_line(out, response.status, response.reason);
    http::h1::write_kept_fields(out, response.fields,
                                response.bytes.data() + response.bytes.size());
    if (!has_date && !interim) out.append_field("Date", context.date);
    write_via(out, response.minor_version, context.settings.node_name);
    if (!interim) write_client_connection(out, response, context);
    out.append("\r\n");
}

}  // namespace penstock::proxy
