// Status codes that Penstock itself answers with, and their reason phrases (RFC 9110 section 15).
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::http {

enum class Status : std::uint16_t {
    switching_protocols = 101,
    ok = 200,
    created = 201,
    no_content = 204,
    not_modified = 304,
    permanent_redirect = 308,
    bad_request = 400,
    unauthorized = 401,
    forbidden = 403,
    not_found = 404,
    method_not_allowed = 405,
    not_acceptable = 406,
    request_timeout = 408,
    conflict = 409,
    precondition_failed = 412,
    content_too_large = 413,
    uri_too_long = 414,
    unsupported_media_type = 415,
    misdirected_request = 421,
    unprocessable_content = 422,
    request_header_fields_too_large = 431,
    internal_server_error = 500,
    not_implemented = 501,
    bad_gateway = 502,
    service_unavailable = 503,
    gateway_timeout = 504,
    http_version_not_supported = 505,
    insufficient_storage = 507,
    loop_detected = 508,
};

constexpr unsigned code(Status status) noexcept {
    return static_cast<unsigned>(status);
}

/// "Not Found" for 404; "Unknown" for a code that is not in the list above.
std::string_view reason_phrase(Status status) noexcept;

}  // namespace penstock::http
