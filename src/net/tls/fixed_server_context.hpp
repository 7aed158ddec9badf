// FixedServerContext: the server's side of TLS where one certificate stands for every name, and
// clients may have to show theirs: the admin side's.
//
// Immutable, shared through std::shared_ptr; connections live on without it. HTTP/1.1 alone (ALPN),
// and nothing is resumed: every connection proves anew who it is.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

#include "net/tls/certificate.hpp"
#include "net/tls/session.hpp"

namespace penstock::net::tls {

/// PEM.
struct ServerCredentials {
    std::string_view chain;  // the leaf first
    std::string_view key;
    /// Who signs clients' certificates, which are then wanted from everybody; empty: none are.
    std::string_view client_authorities;
};

/// What is wrong with them, and where.
struct ServerCredentialFault {
    enum class Part : std::uint8_t { chain, key, client_authorities };

    Part part{};
    std::string message;
};

class FixedServerContext {
  public:
    using Created = Result<std::shared_ptr<const FixedServerContext>, ServerCredentialFault>;

    static Created create(const ServerCredentials& credentials);
    FixedServerContext(const FixedServerContext&) = delete;
    FixedServerContext& operator=(const FixedServerContext&) = delete;

    /// The server's side of a connection, before its handshake. Null: no memory.
    std::unique_ptr<Session> accept(io::Socket& socket) const noexcept;

    /// Of the leaf, which is shown though it has expired: better warned of by clients than not
    /// there.
    std::time_t not_after() const noexcept { return not_after_; }

  private:
    FixedServerContext() = default;

    OpensslPtr<SSL_CTX> context_;
    std::time_t not_after_ = 0;
};

/// The subject of the certificate that the client has proved to hold (RFC 2253, ASCII), or where it
/// has none, its first alternative name; empty: it has shown none.
std::string client_name(const Session& session);

}  // namespace penstock::net::tls
