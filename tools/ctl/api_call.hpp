// ApiCall: one request to the API and its answer, on a connection of its own.
//
// A coroutine of the caller's ring. The whole answer is bounded by a deadline; of an answer that is
// followed (events), each wait is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "ctl/message.hpp"
#include "http/h1/h1_upstream.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/address.hpp"
#include "net/stream.hpp"
#include "net/tls/client_context.hpp"

namespace penstock::ctl {

/// Whom to call, and how. Shared by calls, outlives them.
struct Callee {
    std::vector<net::Address> addresses;                 // tried in turn
    std::string authority;                               // for Host
    std::shared_ptr<const net::tls::ClientContext> tls;  // null: plain
    net::tls::ServerIdentity server;                     // who it has to prove to be, under TLS
    Duration connect_timeout{};                          // for each address, TLS included
    Duration timeout{};                                  // for the answer
    Duration silence{};                                  // between two pieces of what is followed
};

class ApiCall {
  public:
    /// Takes the pieces of a body as they come; false: enough.
    using TakePiece = std::function<bool(std::string_view)>;

    /// All of them outlive it. `credentials`: the field Authorization with its line end, or
    /// nothing. `take`: gets the body of a 200 instead of the answer; null: the answer has it.
    ApiCall(io::Ring& ring, const Callee& callee, const Request& request,
            std::string_view credentials, TakePiece take = {});
    ApiCall(const ApiCall&) = delete;
    ApiCall& operator=(const ApiCall&) = delete;
    ~ApiCall();

    /// Once.
    io::Task<void> run();
    bool has_ended() const noexcept { return ended_; }
    /// run() ends soon.
    void interrupt() noexcept;

    /// After the end: the answer, or in a few words why there is none.
    Result<Answer> take_outcome();
    /// Nobody answered at any address.
    bool has_failed_to_connect() const noexcept { return !connected_; }

  private:
    io::Task<int> connect_to(const net::Address& address);
    static io::Task<void> send(ApiCall* self);
    static io::Task<void> receive(ApiCall* self);
    io::Task<bool> receive_head(http::ResponseHead& head);
    io::Task<void> receive_body();
    void keep_head(const http::ResponseHead& head);
    void fail(const http::ReadResult& result);
    TimePoint patience() const noexcept;

    io::Ring& ring_;
    const Callee& callee_;
    const Request& request_;
    const TakePiece take_;
    std::string head_;  // of the request; may hold a token
    std::optional<net::Stream> stream_;
    std::unique_ptr<http::h1::H1Upstream> server_;
    TimePoint deadline_{};
    Answer answer_;
    std::string failure_;  // empty: there is an answer
    bool sending_ = false;
    bool connected_ = false;
    bool interrupted_ = false;
    bool ended_ = false;
};

}  // namespace penstock::ctl
