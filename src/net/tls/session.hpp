// Session: one TLS connection over an io::Socket.
//
// OpenSSL never sees the socket: it reads from and writes to blocks of ours (a BIO without a
// descriptor), so that both engines carry TLS, and a head and its body leave in one send. Belongs
// to its socket's thread. As with the socket, at most one receives and one sends at a time; both
// may wait at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <sys/uio.h>

#include "io/buffer_pool.hpp"
#include "io/socket.hpp"
#include "io/task.hpp"
#include "net/tls/certificate.hpp"

namespace penstock::net::tls {

class ResumableSessions;

class Session {
  public:
    /// Whose fault it is that TLS failed, as RFC 9209 tells them apart.
    enum class Fault : std::uint8_t {
        none,
        protocol,     // messages that make no sense, or nothing in common
        certificate,  // the peer's is not trusted
        alert,        // the peer said so
    };

    struct Cause {
        Fault fault = Fault::none;
        std::string_view reason;  // of static storage; empty where nothing failed
    };

    /// `ssl` is to be told with SSL_set_accept_state or SSL_set_connect_state whose side it is.
    Session(io::Socket& socket, OpensslPtr<SSL> ssl);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    /// Bytes that were received before there was a session.
    void give(io::BlockRef received) noexcept { input_ = std::move(received); }

    /// 0; EPROTO where it failed (the peer has been told why, and failure() says it), or the
    /// socket's errno.
    io::Task<int> handshake(TimePoint deadline);

    /// As io::Socket has them. The peer's close_notify is its end; a FIN without one is ECONNRESET,
    /// for anybody may have sent that (RFC 8446 section 6.1). EPROTO: the records make no sense.
    io::Task<io::Received> receive(TimePoint deadline, io::ReceiveSize size);
    io::Task<int> send(iovec* pieces, unsigned count, Duration stall_limit);

    /// There is input that receive() would give without waiting, or not decrypted yet.
    bool has_pending() const noexcept;
    /// The peer's close_notify has been read, or the session has failed.
    bool input_ended() const noexcept { return ended_ || failed_; }
    /// Decrypts what has been received unasked. False: there are bytes for the application,
    /// or the end. True: nothing but the protocol's own messages (tickets, key updates).
    bool absorb_unasked() noexcept;

    /// Tells the peer that no more will be sent; no waiting, and nothing where it cannot be taken
    /// at once. No send may be under way.
    void say_goodbye() noexcept;

    /// The protocol agreed on (ALPN); empty: none.
    std::string_view alpn() const noexcept;
    bool was_resumed() const noexcept;
    /// "TLSv1.3"
    std::string_view version() const noexcept;
    /// "TLS_AES_128_GCM_SHA256"
    std::string_view cipher() const noexcept;
    /// OpenSSL's words for why it failed, of static storage; empty where it did not.
    std::string_view failure() const noexcept { return failure_; }
    Fault fault() const noexcept { return fault_; }
    Cause cause() const noexcept { return {fault_, failure_}; }
    SSL* native() const noexcept { return ssl_.get(); }

    /// On the client's side: where what the server gives out to be resumed is kept; outlives this.
    void keep_in(ResumableSessions* sessions) noexcept { sessions_ = sessions; }
    ResumableSessions* sessions() const noexcept { return sessions_; }

    /// On the server's side: the certificate that stands for the name that was asked for.
    void present(std::shared_ptr<const Certificate> certificate) noexcept {
        certificate_ = std::move(certificate);
    }
    const Certificate* certificate() const noexcept { return certificate_.get(); }
    /// What failure() will say, where OpenSSL only knows that it was told to fail; a literal.
    void blame(const char* reason) noexcept { failure_ = reason; }
    static Session& of(const SSL* ssl) noexcept;

  private:
    struct Bio;  // the callbacks that OpenSSL reads and writes with

    enum class Step : std::uint8_t { done, wants_input, ended, failed };

    Step judge(int result) noexcept;
    void note_failure() noexcept;
    void limit_replies() noexcept;
    io::Received decrypt(io::ReceiveSize size) noexcept;
    int take_input(io::Received received) noexcept;
    bool encrypt(iovec*& pieces, unsigned& count) noexcept;
    bool encrypt_record(iovec*& pieces, unsigned& count, std::size_t most) noexcept;
    io::Task<int> flush(Duration stall_limit);

    io::Socket& socket_;
    OpensslPtr<SSL> ssl_;
    io::BlockRef input_;   // received, and not read by OpenSSL yet
    io::BlockRef output_;  // written by OpenSSL, and not sent yet
    std::shared_ptr<const Certificate> certificate_;
    ResumableSessions* sessions_ = nullptr;
    const char* failure_ = "";
    Fault fault_ = Fault::none;
    bool established_ = false;
    bool ended_ = false;
    bool failed_ = false;
    bool said_goodbye_ = false;
};

}  // namespace penstock::net::tls
