#include "proxy/own_response.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/bytes.hpp"
#include "proxy/forwarded_headers.hpp"

namespace penstock::proxy {

using http::Status;

bool is_lack_of_resources(int error) noexcept {
    switch (error) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EADDRNOTAVAIL:
            return true;
        default:
            return false;
    }
}

OwnResponse response_to_failure(int error) noexcept {
    if (is_lack_of_resources(error)) {
        return {Status::service_unavailable,
                "connection_limit_reached",
                "no connection to a backend is left",
                {}};
    }
    switch (error) {
        case ECONNREFUSED:
        case ENOENT:  // a Unix socket that is not there
            return {Status::bad_gateway,
                    "connection_refused",
                    "the backend refused the connection",
                    {}};
        case ETIMEDOUT:
            return {Status::gateway_timeout,
                    "connection_timeout",
                    "the backend did not answer in time",
                    {}};
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EACCES:
            return {Status::bad_gateway,
                    "destination_ip_unroutable",
                    "the backend cannot be reached",
                    {}};
        default:
            return {Status::bad_gateway,
                    "connection_terminated",
                    "the backend closed the connection",
                    {}};
    }
}

OwnResponse response_to_tls_failure(const TlsFailure& failure) noexcept {
    using Fault = net::tls::Session::Fault;
    OwnResponse response{Status::bad_gateway,
                         "tls_protocol_error",
                         "TLS with the backend failed",
                         {},
                         failure.reason};
    if (failure.fault == Fault::certificate) {
        response.error = "tls_certificate_error";
        response.reason = "the backend's certificate is not trusted";
    } else if (failure.fault == Fault::alert) {
        response.error = "tls_alert_received";
        response.reason = "the backend refused TLS";
    }
    return response;
}

OwnResponse response_to_route_timeout() noexcept {
    return refusal(Status::gateway_timeout, "the request took longer than the route allows");
}

OwnResponse response_to_shedding() noexcept {
    return {Status::service_unavailable, "proxy_internal_error", "the proxy is short of memory",
            "Retry-After: 5\r\n", "short of memory"};
}

OwnResponse refusal(Status status, std::string_view reason) noexcept {
    return response_to_refusal({status, reason});
}

OwnResponse response_to_refusal(const http::Refusal& refusal) noexcept {
    std::string_view error = "http_request_error";
    std::string_view extra;
    switch (refusal.status) {
        case Status::misdirected_request:
            error = "http_request_denied";
            break;
        case Status::not_found:
            error = "destination_not_found";
            break;
        case Status::method_not_allowed:
            error = "http_request_denied";
            extra = "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n";
            break;
        case Status::service_unavailable:
            error = "destination_unavailable";
            break;
        case Status::content_too_large:
            error = "http_request_denied";
            break;
        case Status::loop_detected:
            error = "proxy_loop_detected";
            break;
        case Status::bad_gateway:
            error = "http_protocol_error";
            break;
        case Status::gateway_timeout:
            error = "http_response_timeout";
            break;
        case Status::internal_server_error:
            error = "proxy_internal_error";
            break;
        default:
            break;
    }
    return {refusal.status, error, refusal.reason, extra};
}

namespace {

/// Fields of a backend's representation (RFC 9110 section 8, RFC 9530) and of its life in caches
/// (RFC 9111 section 5).
constexpr std::array<std::string_view, 15> representation_fields{
    "age",
    "cache-control",
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "digest",
    "etag",
    "expires",
    "last-modified",
    "repr-digest",
};

bool describes_representation(std::string_view name) noexcept {
    return std::any_of(representation_fields.begin(), representation_fields.end(),
                       [name](std::string_view field) { return equals_lower(name, field); });
}

bool is_edited(const OwnResponseContext& context, std::string_view name) noexcept {
    return context.edits != nullptr && context.edits->covers(http::field_id(name), name);
}

void write_edits(http::h1::HeadBuffer& out, const OwnResponseContext& context) {
    if (context.edits == nullptr) return;
    for (const auto& edit : context.edits->edits()) {
        if (!describes_representation(context.edits->name(edit)))
            write_edit(out, *context.edits, edit, *context.identity);
    }
}

void write_connection(http::h1::HeadBuffer& out, const OwnResponseContext& context) {
    if (!context.keep_alive)
        out.append("Connection: close\r\n");
    else if (context.client_is_1_0)
        out.append("Connection: keep-alive\r\n");
}

/// Of a hook: its fields instead of ours, then what the route says.
void write_hook_answer(http::h1::HeadBuffer& out, const HookAnswer& answer,
                       const OwnResponseContext& context) {
    const auto status = static_cast<http::Status>(answer.status);
    http::h1::write_status_line(out, answer.status, http::reason_phrase(status));
    out.append_field("Date", context.date);
    for (const HookAnswer::Field& field : answer.fields) {
        if (!is_edited(context, field.name)) out.append_field(field.name, field.value);
    }
    if (context.strict_transport && !is_edited(context, "Strict-Transport-Security"))
        out.append(strict_transport_line);
    write_edits(out, context);
    write_connection(out, context);
    const bool may_have_body = status != Status::no_content && answer.status != 304;
    if (may_have_body) {
        out.append("Content-Length: ");
        out.append_number(answer.body.size());
        out.append("\r\n");
    }
    out.append("\r\n");
    if (may_have_body && !context.without_body) out.append(answer.body);
}

}  // namespace

void write_own_response(http::h1::HeadBuffer& out, const OwnResponse& response,
                        const OwnResponseContext& context) {
    if (response.hook != nullptr) return write_hook_answer(out, *response.hook, context);
    const std::string_view phrase = http::reason_phrase(response.status);
    http::h1::write_status_line(out, http::code(response.status), phrase);
    out.append_field("Date", context.date);
    if (!is_edited(context, response.extra_field.substr(0, response.extra_field.find(':'))))
        out.append(response.extra_field);
    if (!response.error.empty() && !is_edited(context, "Proxy-Status")) {
        out.append("Proxy-Status: ");
        out.append(context.node_name);
        out.append("; error=");
        out.append(response.error);
        if (!response.details.empty()) {
            out.append("; details=\"");
            out.append(response.details);
            out.append("\"");
        }
        out.append("\r\n");
    }
    if (context.strict_transport && !is_edited(context, "Strict-Transport-Security"))
        out.append(strict_transport_line);
    write_edits(out, context);
    write_connection(out, context);
    const bool has_reason = !response.reason.empty();
    const std::size_t length = phrase.size() + 5 + (has_reason ? response.reason.size() + 2 : 0);
    const bool may_have_body = response.status != Status::no_content;
    if (may_have_body) {
        out.append("Content-Type: text/plain; charset=utf-8\r\nContent-Length: ");
        out.append_number(length);
        out.append("\r\n");
    }
    out.append("\r\n");
    if (context.without_body || !may_have_body) return;
    out.append_number(http::code(response.status));
    out.append(" ");
    out.append(phrase);
    if (has_reason) {
        out.append(": ");
        out.append(response.reason);
    }
    out.append("\n");
}

}  // namespace penstock::proxy
