// ResumableSessions: what one server has given out so that later connections need no full handshake
// (RFC 8446 section 2.2, RFC 5077); SessionLimit: how many of them there are over all servers.
//
// All sessions of one server were made under the same ClientContext and for the same name: a
// resumed connection is not verified again. One thread.
#pragma once

#include <array>
#include <cstddef>

#include "base/intrusive_list.hpp"
#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

class ResumableSessions;

/// Past it the oldest session goes of the server that has given out none for the longest time.
class SessionLimit {
  public:
    /// Each session holds its server's certificates, some ten kilobytes.
    static constexpr std::size_t usual = 2'048;

    explicit SessionLimit(std::size_t most = usual) noexcept : most_(most) {}

    std::size_t total() const noexcept { return total_; }

  private:
    friend class ResumableSessions;

    IntrusiveList<ResumableSessions> holders_;  // who has any; who was given one last is last
    std::size_t total_ = 0;
    std::size_t most_;
};

class ResumableSessions : public ListNode<ResumableSessions> {
  public:
    /// Of one server.
    static constexpr std::size_t most = 4;

    /// `limit` outlives this.
    explicit ResumableSessions(SessionLimit& limit) noexcept : limit_(limit) {}
    ~ResumableSessions() { clear(); }

    /// Pushes the oldest out where there are too many.
    void keep(OpensslPtr<SSL_SESSION> session) noexcept;
    /// The newest that has not expired; null where there is none. One of TLS 1.3 is given out once
    /// (RFC 8446 appendix C.4), one of 1.2 as often as it is asked for.
    OpensslPtr<SSL_SESSION> take() noexcept;
    void clear() noexcept;

    std::size_t size() const noexcept { return size_; }

  private:
    void drop_oldest() noexcept;
    OpensslPtr<SSL_SESSION> pop_newest() noexcept;
    void one_less() noexcept;

    SessionLimit& limit_;
    std::array<OpensslPtr<SSL_SESSION>, most> sessions_;  // oldest first
    std::size_t size_ = 0;
};

}  // namespace penstock::net::tls
