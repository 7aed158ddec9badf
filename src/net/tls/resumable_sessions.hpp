// ResumableSessions: what one server has given out so that later connections need no full handshake
// (RFC 8446 section 2.2, RFC 5077).
//
// All of them were made under the same ClientContext and for the same name: a resumed connection is
// not verified again. One thread.
#pragma once

#include <array>
#include <cstddef>

#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

class ResumableSessions {
  public:
    /// Each holds the server's certificates: several kilobytes.
    static constexpr std::size_t most = 4;

    /// Pushes the oldest out where there are too many.
    void keep(OpensslPtr<SSL_SESSION> session) noexcept;
    /// The newest that has not expired; null where there is none. One of TLS 1.3 is given out once
    /// (RFC 8446 appendix C.4), one of 1.2 as often as it is asked for.
    OpensslPtr<SSL_SESSION> take() noexcept;

    std::size_t size() const noexcept { return size_; }

  private:
    std::array<OpensslPtr<SSL_SESSION>, most> sessions_;  // oldest first
    std::size_t size_ = 0;
};

}  // namespace penstock::net::tls
