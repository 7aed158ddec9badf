#include "proxy/forwarded_headers.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "base/bytes.hpp"

namespace penstock::proxy {

namespace {

using http::FieldId;
using http::h1::HeadBuffer;
using snapshot::FieldEdits;
using snapshot::Placeholder;

void write_forwarded_for(HeadBuffer& out, const http::RequestHead& request, const Peer& peer) {
    out.append("X-Forwarded-For: ");
    if (peer.is_trusted()) {
        for (const auto& entry : request.fields) {
            if (entry.id != FieldId::x_forwarded_for || request.fields.value(entry).empty())
                continue;
            out.append(request.fields.value(entry));
            out.append(", ");
        }
    }
    out.append(peer.host());
    out.append("\r\n");
}

/// Our own span is the parent of the backend's (W3C Trace Context, section 3.2).
void write_trace(HeadBuffer& out, RequestIdentity& identity) {
    const RequestTrace& trace = identity.trace();
    http::TraceContext ours = trace.context;
    ours.span = trace.span;
    std::array<char, http::traceparent_size> text;
    http::write_traceparent(text.data(), ours);
    out.append_field("traceparent", {text.data(), text.size()});
}

/// What the next hop learns of the client, but for what the route sets or removes itself.
void write_origin_of_request(HeadBuffer& out, const http::RequestHead& request,
                             const RequestContext& context) {
    const FieldEdits& edits = context.route.request_edits;
    RequestIdentity& identity = context.identity;
    const Peer& peer = identity.peer();
    if (!edits.covers(FieldId::x_forwarded_for)) write_forwarded_for(out, request, peer);
    if (!edits.covers(FieldId::x_real_ip)) out.append_field("X-Real-IP", identity.client());
    if (!edits.covers(FieldId::x_forwarded_proto)) {
        const std::string_view proto = believed(request, peer, FieldId::x_forwarded_proto);
        out.append_field("X-Forwarded-Proto", proto.empty() ? context.scheme : proto);
    }
    if (!edits.covers(FieldId::x_forwarded_host)) {
        const std::string_view host = believed(request, peer, FieldId::x_forwarded_host);
        out.append_field("X-Forwarded-Host", host.empty() ? request.authority : host);
    }
    if (!edits.covers(FieldId::x_request_id)) out.append_field("X-Request-ID", identity.id());
    if (context.settings.traces && !edits.covers(FieldId::traceparent)) write_trace(out, identity);
}

/// Drops every line of a response that was received under a name that the route edits.
void drop_edited(http::FieldList& fields, const FieldEdits& edits) noexcept {
    for (auto& entry : fields) {
        if (edits.covers(entry.id, fields.name(entry))) entry.dropped = true;
    }
}

/// The same of a request, whose backend may not tell `X_User` from `X-User`.
void drop_variables(http::FieldList& fields, const FieldEdits& edits) noexcept {
    if (edits.empty()) return;
    for (auto& entry : fields) {
        if (edits.covers_variable(fields.name(entry))) entry.dropped = true;
    }
}

/// Host stands first (RFC 9110 section 7.2): as received, or as the route sets it.
void write_host(HeadBuffer& out, const http::RequestHead& request, const RequestContext& context,
                bool absolute_form) {
    const FieldEdits& edits = context.route.request_edits;
    if (edits.covers(FieldId::host)) {
        for (const auto& edit : edits.edits()) {
            if (edit.id == FieldId::host) write_edit(out, edits, edit, context.identity);
        }
    } else if (absolute_form) {
        out.append_field("Host", request.authority);
    }
}

constexpr std::string_view strict_transport = "strict-transport-security";

bool has_strict_transport(const http::FieldList& fields) noexcept {
    for (const auto& entry : fields) {
        if (equals_lower(fields.name(entry), strict_transport)) return true;
    }
    return false;
}

/// Of the message that was received: RFC 9110 section 7.6.3.
void write_via(HeadBuffer& out, unsigned major_version, unsigned minor_version,
               std::string_view node_name) {
    if (major_version == 2)
        out.append("Via: 2 ");
    else
        out.append(minor_version == 0 ? "Via: 1.0 " : "Via: 1.1 ");
    out.append(node_name);
    out.append("\r\n");
}

void write_path(HeadBuffer& out, const http::RequestHead& request) {
    if (request.path.empty()) {
        out.append(request.method == http::Method::options ? "*" : "/");  // RFC 9112 section 3.2.4
    } else if (request.path.front() == '?') {
        out.append("/");
    }
    out.append(request.path);
}

void write_request_line(HeadBuffer& out, const http::RequestHead& request) {
    out.append(request.method_text);
    out.append(" ");
    write_path(out, request);
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

bool forwards_credentials(const snapshot::Route& route) noexcept {
    return route.auth != nullptr && route.auth->forward_credentials;
}

/// What a hook says of a client, a client does not say of itself. Null: nothing.
const FieldEdits* taken_on(const snapshot::Route& route) noexcept {
    if (route.auth == nullptr) return nullptr;
    const auto* const hook = std::get_if<snapshot::HttpHook>(&route.auth->method);
    return hook == nullptr ? nullptr : &hook->taken;
}

constexpr std::array<std::string_view, 5> written_anew{
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-request-id",
};

/// True for what a backend may take for a field that we write, though it is not: `X_Real_IP`.
bool passes_for_ours(std::string_view name) noexcept {
    if (name.find('_') == std::string_view::npos) return false;
    return std::any_of(written_anew.begin(), written_anew.end(),
                       [name](std::string_view ours) { return is_same_variable(name, ours); });
}

void write_granted(HeadBuffer& out, const HookAnswer* granted, const FieldEdits& edits) {
    if (granted == nullptr) return;
    for (const HookAnswer::Field& field : granted->fields) {
        if (!edits.covers(http::field_id(field.name), field.name))
            out.append_field(field.name, field.value);
    }
}

/// Marks what a line of ours stands for, and what ends here.
void drop_replaced(http::RequestHead& request, const RequestContext& context, bool absolute_form,
                   bool counts_forwards) noexcept {
    const snapshot::Route& route = context.route;
    const bool traces = context.settings.traces;
    // What tracestate says is of the traceparent that it came with (section 3.3).
    const bool is_new_trace = traces && !context.identity.trace().continues();
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
            case FieldId::authorization:  // it was for us
                if (route.is_guarded && !forwards_credentials(route)) entry.dropped = true;
                break;
            case FieldId::max_forwards:
                entry.dropped = counts_forwards;
                break;
            case FieldId::traceparent:
                if (traces) entry.dropped = true;
                break;
            case FieldId::tracestate:
                if (is_new_trace) entry.dropped = true;
                break;
            case FieldId::other:
                if (passes_for_ours(request.fields.name(entry))) entry.dropped = true;
                break;
            default:
                break;
        }
    }
}

}  // namespace

const std::string_view strict_transport_line = "Strict-Transport-Security: max-age=31536000\r\n";

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
    const FieldEdits& edits = context.route.request_edits;
    const bool absolute_form = request.path.data() != request.target.data();
    const auto forwards_left = max_forwards(request);
    drop_replaced(request, context, absolute_form, forwards_left.has_value());
    drop_variables(request.fields, edits);
    if (const FieldEdits* const taken = taken_on(context.route))
        drop_variables(request.fields, *taken);
    write_request_line(out, request);
    write_host(out, request, context, absolute_form);
    http::h1::write_kept_fields(out, request.fields, request.bytes.data() + request.bytes.size());
    if (request.framing.kind == http::BodyFraming::Kind::chunked)
        out.append("Transfer-Encoding: chunked\r\n");
    if (forwards_left) {
        out.append("Max-Forwards: ");
        out.append_number(*forwards_left - 1);
        out.append("\r\n");
    }
    write_connection(out, request, context.upgrade);
    write_origin_of_request(out, request, context);
    write_granted(out, context.granted, edits);
    write_via(out, request.major_version, request.minor_version, context.settings.node_name);
    for (const auto& edit : edits.edits()) {
        if (edit.id != FieldId::host) write_edit(out, edits, edit, context.identity);
    }
    out.append("\r\n");
}

std::string kept_trailers(std::string_view trailers, const snapshot::Route& route) {
    std::string kept;
    const FieldEdits* const taken = taken_on(route);
    while (!trailers.empty()) {
        const std::size_t end = trailers.find("\r\n");
        const std::string_view line =
            trailers.substr(0, end == std::string_view::npos ? end : end + 2);
        const std::string_view name = line.substr(0, line.find(':'));
        const bool is_ours = passes_for_ours(name) || route.request_edits.covers_variable(name) ||
                             (taken != nullptr && taken->covers_variable(name));
        if (!is_ours) kept += line;
        trailers.remove_prefix(line.size());
    }
    return kept;
}

void write_hook_head(HeadBuffer& out, const http::RequestHead& request,
                     const HookRequestContext& context) {
    const Peer& peer = context.identity.peer();
    const std::string_view proto = believed(request, peer, FieldId::x_forwarded_proto);
    const std::string_view host = believed(request, peer, FieldId::x_forwarded_host);
    out.append("GET ");
    out.append(context.hook.target.path);
    out.append(" HTTP/1.1\r\n");
    out.append_field("Host", context.hook.target.authority);
    out.append_field("X-Forwarded-Method", request.method_text);
    out.append("X-Forwarded-Uri: ");
    write_path(out, request);
    out.append("\r\n");
    out.append_field("X-Forwarded-Host", host.empty() ? request.authority : host);
    out.append_field("X-Forwarded-Proto", proto.empty() ? context.scheme : proto);
    write_forwarded_for(out, request, peer);
    for (const std::string& name : context.hook.headers) {
        const FieldId id = http::field_id(name);
        for (const auto& entry : request.fields) {
            // What Connection takes away, the backend does not get either.
            if (entry.id == id && !entry.dropped &&
                equals_ignoring_case(request.fields.name(entry), name))
                out.append_field(name, request.fields.value(entry));
        }
    }
    // A hook that is a guarded route of ours would be asked about itself, and again.
    write_via(out, request.major_version, request.minor_version, context.node_name);
    out.append("\r\n");
}

void write_client_head(HeadBuffer& out, http::ResponseHead& response,
                       const ResponseContext& context) {
    const bool interim = response.is_interim();
    const FieldEdits& edits = context.route.response_edits;
    bool has_date = false;
    for (auto& entry : response.fields) {
        if (entry.id == FieldId::date) has_date = true;
        // RFC 9110 section 8.6: neither 1xx nor 204 carries a length.
        const bool no_length = response.status < 200 || response.status == 204;
        if (entry.id == FieldId::content_length && no_length) entry.dropped = true;
        if (entry.id == FieldId::trailer && !context.chunked) entry.dropped = true;
    }
    const bool edited = !edits.empty() && !interim;
    if (edited) drop_edited(response.fields, edits);
    http::h1::write_status_line(out, response.status, response.reason);
    http::h1::write_kept_fields(out, response.fields,
                                response.bytes.data() + response.bytes.size());
    if (!has_date && !interim) out.append_field("Date", context.date);
    if (!edited || !edits.covers(FieldId::via))
        write_via(out, response.major_version, response.minor_version, context.settings.node_name);
    if (edited) {
        for (const auto& edit : edits.edits()) write_edit(out, edits, edit, context.identity);
    }
    if (context.strict_transport && !edits.covers(FieldId::other, strict_transport) &&
        !has_strict_transport(response.fields))
        out.append(strict_transport_line);
    if (!interim) write_client_connection(out, response, context);
    out.append("\r\n");
}

void write_edit(HeadBuffer& out, const FieldEdits& edits, const FieldEdits::Edit& edit,
                RequestIdentity& identity) {
    for (const auto& piece : edits.pieces(edit)) {
        out.append(edits.text(piece));
        if (piece.then == Placeholder::request_id)
            out.append(identity.id());
        else if (piece.then == Placeholder::client_ip)
            out.append(identity.client());
    }
}

}  // namespace penstock::proxy
