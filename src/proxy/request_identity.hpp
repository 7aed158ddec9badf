// Who asks, and by what name the request is known: to its backend, to the client, to the log.
//
// Worker thread; one for each exchange, which it may not outlive. Each value is worked out when
// first asked for, once: what the backend got is what the response and the log say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/random.hpp"
#include "http/message.hpp"
#include "http/trace_context.hpp"
#include "proxy/peer.hpp"
#include "proxy/settings.hpp"

namespace penstock::proxy {

/// The client's address as text, without brackets or port: the peer's, or what the trusted proxies
/// before us say of theirs. The hop nearest to us in X-Forwarded-For that is not a trusted proxy
/// counts; where it is no address ("unknown"), the proxy that told of it does.
std::string_view client_address(const http::RequestHead& request, const Peer& peer,
                                const Settings& settings) noexcept;

/// The one value of a field that a trusted peer sent; empty where the peer is not trusted or sent
/// none.
std::string_view believed(const http::RequestHead& request, const Peer& peer,
                          http::FieldId id) noexcept;

/// The request's place in a trace.
struct RequestTrace {
    http::TraceContext context;  // its span is the client's; 0: the trace begins here
    std::uint64_t span = 0;      // our own, the backend's parent; 0: we are no part of the trace
    bool continues() const noexcept { return context.span != 0; }
};

class RequestIdentity {
  public:
    RequestIdentity(const http::RequestHead& request, const Peer& peer, const Settings& settings,
                    Random& random) noexcept
        : request_(request), peer_(peer), settings_(settings), random_(random) {}
    RequestIdentity(const RequestIdentity&) = delete;
    RequestIdentity& operator=(const RequestIdentity&) = delete;

    /// X-Request-ID: a trusted peer's, or a UUIDv7 of ours. Once the request's head is whole.
    std::string_view id() noexcept;
    /// client_address(). Once the request's head is whole.
    std::string_view client() noexcept;

    /// The client's traceparent, or with --otlp a trace of our own. Once the request's head is
    /// whole, and before what is replaced in it has been marked.
    const RequestTrace& trace() noexcept;

    const Peer& peer() const noexcept { return peer_; }

  private:
    const http::RequestHead& request_;
    const Peer& peer_;
    const Settings& settings_;
    Random& random_;
    std::string_view id_;
    std::string_view client_;
    std::array<char, Uuid::text_size> made_id_;
    std::optional<RequestTrace> trace_;
};

}  // namespace penstock::proxy
