// ServerContext: how clients' TLS connections are answered: versions, ciphers, certificates by
// name, protocols, tickets.
//
// One a worker, used on its thread alone; workers share nothing but the seed of their ticket keys.
// TLS 1.2 and 1.3 with Mozilla's "intermediate" choice of ciphers; no compression, renegotiation or
// early data.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "net/tls/certificate.hpp"
#include "net/tls/session.hpp"
#include "net/tls/ticket_keys.hpp"

namespace penstock::net::tls {

/// Where a handshake finds the certificates of the name that the client asks for.
class CertificateSource {
  public:
    using Found = std::span<const std::shared_ptr<const Certificate>>;

    /// `server_name` in lower case, empty where the client names none. One certificate a kind of
    /// key, null or absent where there is none; empty: the name is not served. Valid until the
    /// caller returns to its loop.
    virtual Found certificates_for(std::string_view server_name) noexcept = 0;

    /// What tells the authentication of the name's route apart from others': a ticket resumes only
    /// where it is the same. Empty: there is none. Valid as long.
    virtual std::string_view authentication_of(std::string_view server_name) noexcept {
        static_cast<void>(server_name);
        return {};
    }

  protected:
    ~CertificateSource() = default;
};

class ServerContext {
  public:
    /// `source` outlives it. Fails where OpenSSL does not have what is asked of it.
    static Result<std::unique_ptr<ServerContext>> create(CertificateSource& source,
                                                         const TicketSeed& tickets);
    ServerContext(const ServerContext&) = delete;
    ServerContext& operator=(const ServerContext&) = delete;

    /// The server's side of a connection, before its handshake. Null: no memory.
    std::unique_ptr<Session> accept(io::Socket& socket) noexcept;

  private:
    struct Callbacks;

    ServerContext(CertificateSource& source, const TicketSeed& tickets) noexcept
        : source_(source), ticket_keys_(tickets) {}
    Result<void> set_up();

    CertificateSource& source_;
    TicketKeys ticket_keys_;
    OpensslPtr<SSL_CTX> context_;
};

}  // namespace penstock::net::tls
