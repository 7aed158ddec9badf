// Responses that Penstock itself gives: refusals and failures, each with its reason in Proxy-Status
// (RFC 9209).
#pragma once

#include <string_view>

#include "http/h1/writer.hpp"
#include "http/message.hpp"

namespace penstock::proxy {

struct OwnResponse {
    http::Status status = http::Status::bad_gateway;
    std::string_view error;        // an error type of RFC 9209 section 2.3; empty: no Proxy-Status
    std::string_view reason;       // for the body, one line
    std::string_view extra_field;  // a whole "Name: value CRLF", or empty
};

/// For an errno of connecting to, or talking with, a backend before its response has begun.
OwnResponse response_to_failure(int error) noexcept;

/// For a request that could not be taken.
OwnResponse response_to_refusal(const http::Refusal& refusal) noexcept;

struct OwnResponseContext {
    std::string_view node_name;
    std::string_view date;
    bool keep_alive = false;
    bool client_is_1_0 = false;
    bool without_body = false;  // HEAD
};

/// Head and body at once.
void write_own_response(http::h1::HeadBuffer& out, const OwnResponse& response,
                        const OwnResponseContext& context);

}  // namespace penstock::proxy
