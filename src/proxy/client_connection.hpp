// ClientConnection: one client's connection and the requests on it: one after the other (HTTP/1),
// or many at once (HTTP/2).
//
// Small, because most are idle: what a request needs lives in its Exchange. Owned by its own
// coroutine, listed by its worker, used on that worker's thread alone.
#pragma once

#include "base/intrusive_list.hpp"
#include "http/h2/server_session.hpp"
#include "io/buffer_pool.hpp"
#include "io/task.hpp"
#include "net/stream.hpp"
#include "net/tls/server_context.hpp"
#include "proxy/exchange.hpp"
#include "proxy/peer.hpp"

namespace penstock::proxy {

class Worker;

class ClientConnection final : public ListNode<ClientConnection>, http::h2::RequestHandler {
  public:
    ClientConnection(Worker& worker, io::Socket& socket, const Peer& peer) noexcept
        : worker_(worker), stream_(socket), peer_(peer) {}

    /// With --proxy-protocol, before serve(): whose connection a trusted proxy relays. False where
    /// it does not say, which closes the connection.
    io::Task<bool> learn_peer();
    /// On a listener for TLS, before serve(): the handshake, within --header-timeout. False where
    /// it failed, which closes the connection.
    io::Task<bool> secure(net::tls::ServerContext& context);
    /// Serves until the connection ends. The worker then forgets it.
    io::Task<void> serve();

    /// Its client is told to go: by the next response, or by GOAWAY.
    void drain() noexcept;
    /// Ends now where it has waited for a request since before the drain: whoever had sent one has
    /// been heard.
    void last_call() noexcept;
    /// Ends now, unless a request is under way.
    void end_if_idle() noexcept;
    /// Ends now, whatever it does.
    void abort(int error) noexcept;

    Worker& worker() noexcept { return worker_; }
    net::Stream& stream() noexcept { return stream_; }
    const Peer& peer() const noexcept { return peer_; }

  private:
    enum class Version : std::uint8_t { unknown, http_1, http_2 };

    /// Behind what is unread already. False: there is too much of it.
    bool keep_unread(io::BlockRef received);
    Version negotiated_version() const noexcept;
    io::Task<Version> recognize_version();
    io::Task<void> serve_multiplexed();
    io::Task<AfterExchange> exchange_one();
    io::Task<void> carry_out(http::Downstream& client) override;
    io::Task<void> linger();

    Worker& worker_;
    net::Stream stream_;
    Peer peer_;
    ConnectionId id_;
    io::BlockRef unread_;                         // what has come and no exchange has taken
    Exchange* exchange_ = nullptr;                // the one under way, on HTTP/1
    http::h2::ServerSession* session_ = nullptr;  // on HTTP/2
    bool awaits_last_call_ = false;               // for a request, and did before a drain
};

}  // namespace penstock::proxy
