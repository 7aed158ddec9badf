// ClientContext: how servers are spoken to under TLS: whom to trust, and what to show of oneself.
//
// Immutable, shared by all threads through std::shared_ptr; connections live on without it. Making
// one takes milliseconds where the system's certificates are read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "net/tls/certificate.hpp"
#include "net/tls/resumable_sessions.hpp"
#include "net/tls/session.hpp"

namespace penstock::net::tls {

/// PEM, as it is configured. A chain and its key go together.
struct ClientCredentials {
    std::string_view
        authorities;         // who is trusted to sign servers' certificates; empty: the system's
    std::string_view chain;  // shown to servers that ask for one; empty: none is
    std::string_view key;
};

/// What is wrong with credentials, and where.
struct CredentialFault {
    enum class Part : std::uint8_t { authorities, chain, key };

    Part part{};
    CertificateError error;
};

/// Whom a server has to prove to be.
struct ServerIdentity {
    std::string name;         // without final dot; no brackets
    bool is_address = false;  // then it is not asked for by name (RFC 6066 section 3)

    static ServerIdentity of(std::string_view host);
};

class ClientContext {
  public:
    /// Everything that can be told without the system's certificates; empty: nothing. Expiry is for
    /// servers to judge.
    static std::vector<CredentialFault> faults_of(const ClientCredentials& credentials);

    /// Credentials without faults. Fails where OpenSSL does not have what is asked of it.
    static Result<std::shared_ptr<const ClientContext>> create(
        const ClientCredentials& credentials);
    ClientContext(const ClientContext&) = delete;
    ClientContext& operator=(const ClientContext&) = delete;

    /// The client's side of a connection, before its handshake, which fails where the server is not
    /// who it should be. Resumes one of `sessions`, which is null or outlives the connection, where
    /// there is one. Offers `protocol` alone (ALPN). Null: no memory.
    std::unique_ptr<Session> connect(io::Socket& socket, const ServerIdentity& server,
                                     ResumableSessions* sessions,
                                     std::string_view protocol = "http/1.1") const noexcept;

  private:
    ClientContext() = default;

    OpensslPtr<SSL_CTX> context_;
};

}  // namespace penstock::net::tls
