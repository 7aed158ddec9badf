// BackendTls: how a backend is spoken to under TLS; and the contexts behind it, which backends of
// the same credentials share.
//
// BackendTls is immutable and belongs to a Route's upstreams. ClientContexts is the control
// thread's; a context lives as long as any version of a route uses it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include <penstock/config.hpp>

#include "io/task.hpp"
#include "net/stream.hpp"
#include "net/tls/client_context.hpp"

namespace penstock::snapshot {

struct BackendTls {
    /// Null where OpenSSL would not make one, which the log has told of: nothing can be sent.
    std::shared_ptr<const net::tls::ClientContext> context;
    net::tls::ServerIdentity server;
    /// A digest of all settings of TLS: what is known of a backend under some holds for no others.
    std::string id;

    /// Puts a connection on which nothing has been said under TLS: the backend proves who it is,
    /// and agrees on the protocol (ALPN). Resumes one of `sessions`, which is null or outlives the
    /// connection. 0 or an errno; EPROTO: `cause` says why.
    io::Task<int> secure(net::Stream& stream, BackendProtocol protocol,
                         net::tls::ResumableSessions* sessions, TimePoint deadline,
                         net::tls::Session::Cause& cause) const;
};

class ClientContexts {
  public:
    /// Null for a backend without TLS.
    std::shared_ptr<const BackendTls> of(const Backend& backend);

    std::size_t size() const noexcept { return made_.size(); }

  private:
    using Context = net::tls::ClientContext;

    std::shared_ptr<const Context> context_of(const Backend& backend, const std::string& digest);

    /// By a digest of the credentials. Making a context costs milliseconds and a hundred kilobytes
    /// where it holds the system's certificates: thousands of routes share one.
    std::unordered_map<std::string, std::weak_ptr<const Context>> made_;
    std::size_t sweep_at_ = 64;
};

}  // namespace penstock::snapshot
