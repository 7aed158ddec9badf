// Responses that Penstock itself gives: refusals and failures, each with its reason in Proxy-Status
// (RFC 9209).
#pragma once

#include <string_view>

#include "http/h1/writer.hpp"
#include "http/message.hpp"
#include "net/tls/session.hpp"
#include "proxy/hook_answer.hpp"
#include "proxy/request_identity.hpp"
#include "snapshot/field_edits.hpp"

namespace penstock::proxy {

struct OwnResponse {
    http::Status status = http::Status::bad_gateway;
    std::string_view error;        // an error type of RFC 9209 section 2.3; empty: no Proxy-Status
    std::string_view reason;       // for the body, one line
    std::string_view extra_field;  // a whole "Name: value CRLF", or empty
    std::string_view details{};    // for Proxy-Status; a literal or OpenSSL's words, or empty
    /// Not null: it is not ours but a hook's, status, fields and body; lives as long as the
    /// exchange.
    const HookAnswer* hook = nullptr;

    unsigned code() const noexcept { return hook != nullptr ? hook->status : http::code(status); }
};

/// Why TLS with a backend failed.
using TlsFailure = net::tls::Session::Cause;

/// True for an errno that says that this process, not the backend, has run out of something.
bool is_lack_of_resources(int error) noexcept;

/// For an errno of connecting to, or talking with, a backend before its response has begun.
OwnResponse response_to_failure(int error) noexcept;

/// The backend has failed to prove who it is, has refused us, or does not speak TLS as we do.
OwnResponse response_to_tls_failure(const TlsFailure& failure) noexcept;

/// For a request that could not be taken.
OwnResponse response_to_refusal(const http::Refusal& refusal) noexcept;

/// For a request that comes while memory runs short.
OwnResponse response_to_shedding() noexcept;

/// For a request that took longer than its route's `timeout`.
OwnResponse response_to_route_timeout() noexcept;

/// For a refusal, in short; `reason` is a literal.
OwnResponse refusal(http::Status status, std::string_view reason) noexcept;

struct OwnResponseContext {
    std::string_view node_name;
    std::string_view date;
    bool keep_alive = false;
    bool client_is_1_0 = false;
    bool without_body = false;      // HEAD
    bool strict_transport = false;  // tells of HSTS, unless the route does
    /// The matched route's responseHeaders and whose request it is; null where no route matched.
    const snapshot::FieldEdits* edits = nullptr;
    RequestIdentity* identity = nullptr;
};

/// Head and body at once. Of `edits`, what describes a representation of the backend's or lets it
/// be cached (Content-Type, ETag, Cache-Control …) is left out: the text is ours.
void write_own_response(http::h1::HeadBuffer& out, const OwnResponse& response,
                        const OwnResponseContext& context);

}  // namespace penstock::proxy
