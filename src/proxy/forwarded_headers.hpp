// The heads that go on to the next hop: what passes, what ends here, and what an intermediary adds
// (RFC 9110 section 7.6, SPEC section 2). A route's own edits come last: they replace what was
// received and what we add alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/h1/writer.hpp"
#include "http/message.hpp"
#include "proxy/hook_answer.hpp"
#include "proxy/request_identity.hpp"
#include "proxy/settings.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

/// The upgrade that this route lets this request ask its backend for; empty for none.
std::string_view allowed_upgrade(const http::RequestHead& request,
                                 const snapshot::Route& route) noexcept;

/// True where a Via field says that the request has been here before (a loop).
bool came_from_us(const http::RequestHead& request, std::string_view node_name) noexcept;

/// Max-Forwards of an OPTIONS request (RFC 9110 section 7.6.2); empty where there is none.
std::optional<std::uint64_t> max_forwards(const http::RequestHead& request) noexcept;

struct RequestContext {
    const Settings& settings;
    const snapshot::Route& route;
    RequestIdentity& identity;
    std::string_view upgrade;             // from allowed_upgrade()
    std::string_view scheme = "http";     // that the client has used
    const HookAnswer* granted = nullptr;  // with fields for the backend; null: no hook was asked
};

/// Writes the head that the backend gets. Marks in `request` the fields that it has replaced.
void write_upstream_head(http::h1::HeadBuffer& out, http::RequestHead& request,
                         const RequestContext& context);

/// Of a request's trailer section what the backend gets: not what the route or its hook says, which
/// some backends take from there as well.
std::string kept_trailers(std::string_view trailers, const snapshot::Route& route);

struct HookRequestContext {
    const snapshot::HttpHook& hook;
    RequestIdentity& identity;
    std::string_view scheme;
    std::string_view node_name;
};

/// Writes the head of what a hook is asked about a request.
void write_hook_head(http::h1::HeadBuffer& out, const http::RequestHead& request,
                     const HookRequestContext& context);

struct ResponseContext {
    const Settings& settings;
    const snapshot::Route& route;
    RequestIdentity& identity;
    std::string_view date;   // used where the backend gave none
    bool chunked = false;    // as the client will get the body
    bool keep_alive = true;  // of the client connection
    bool client_is_1_0 = false;
    bool strict_transport = false;  // tells of HSTS, unless the backend or the route does
};

/// "Strict-Transport-Security: …CRLF" (RFC 6797), of a route with autoHttps.
extern const std::string_view strict_transport_line;

/// Writes the head that the client gets, for final and interim responses alike; the route's
/// responseHeaders are for final ones, 101 among them.
void write_client_head(http::h1::HeadBuffer& out, http::ResponseHead& response,
                       const ResponseContext& context);

/// The line of one field that a route sets.
void write_edit(http::h1::HeadBuffer& out, const snapshot::FieldEdits& edits,
                const snapshot::FieldEdits::Edit& edit, RequestIdentity& identity);

}  // namespace penstock::proxy
