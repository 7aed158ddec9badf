// ApiServer: HTTP/1.1 for the REST API, plain or under TLS, on the control thread's loop.
//
// Slow, idle and huge clients cost a bounded amount of memory and time and hold up nobody: each
// connection is a coroutine, bodies are read up to the endpoint's limit and all of them up to a
// budget, large answers have a budget too, and an answer that waits for the workers waits alone.
// Nothing of a body is read before the API has admitted its request. Where there is no room for a
// further connection, the one that has waited longest for its client goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/intrusive_list.hpp"
#include "base/log.hpp"
#include "control/admin_tls.hpp"
#include "control/api.hpp"
#include "control/body_budget.hpp"
#include "control/epoch_wait.hpp"
#include "control/message.hpp"
#include "control/names.hpp"
#include "control/stream_sender.hpp"
#include "control/write_batch.hpp"
#include "http/h1/reader.hpp"
#include "io/ring.hpp"

namespace penstock::control {

class ApiServer {
  public:
    static constexpr std::size_t most_connections = 1'024;
    /// What all bodies under way may take together, in bytes.
    static constexpr std::size_t most_bodies = 256 * 1024 * 1024;
    /// And all large answers, until they are sent.
    static constexpr std::size_t most_answers = 256 * 1024 * 1024;

    /// `listener_fd` is a listening socket, not owned. `tls`: null for plain connections. All of
    /// them must outlive the server.
    ApiServer(io::Ring& ring, int listener_fd, Api& api, AdminTls* tls, EpochWait& epochs,
              Names& names);
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;
    ~ApiServer();

    void start();
    /// Stops accepting and ends every connection; stopped() is true once all have let go. What is
    /// being done already has a second to be answered.
    void stop();
    /// Leaves further connections in the kernel's queue, until resume(): for a new process, which
    /// may take them, or us.
    void pause() noexcept { listener_.hold(); }
    void resume() noexcept { listener_.release(); }
    bool stopped() const noexcept { return !accepting_ && open_ == 0; }

  private:
    /// In `waiting_` while its client has to do something: then it may be closed to make room.
    struct Connection : ListNode<Connection> {
        explicit Connection(io::Socket& socket) noexcept : stream(socket) {}
        net::Stream stream;
        std::string peer;          // who is at its other end
        std::uint64_t trust = 0;   // AdminTls::trust() at its handshake
        TimePoint since{};         // it is in its list
        bool is_executed = false;  // its request may take effect, or has
    };
    class AtWork;
    /// The end of the time that stop() leaves.
    struct LastCall : io::Timer {
        explicit LastCall(ApiServer& s) noexcept : Timer(&due), server(s) {}
        static void due(io::Timer& timer);
        ApiServer& server;
    };

    io::Task<void> accept_all();
    bool make_room();
    void wait_for(Connection& connection);
    void out_of_resources(int error);
    io::Task<void> serve(int fd);
    io::Task<bool> secure(Connection& connection);
    io::Task<void> converse(Connection& connection);
    bool is_distrusted(const Connection& connection);
    io::Task<bool> serve_one(Connection& connection, io::BlockRef& unread);
    io::Task<ApiResponse> respond(Connection& connection, http::h1::MessageReader& reader,
                                  const http::RequestHead& request, std::optional<AtWork>& at_work);
    io::Task<ApiResponse> answer(const ApiRequest& request);
    io::Task<std::optional<ApiResponse>> read_body(http::h1::MessageReader& reader,
                                                   std::size_t most, BudgetedBody& body);
    io::Task<bool> send(net::Stream& stream, const ApiResponse& response, bool head_only,
                        bool keep_alive);
    io::Task<bool> stream_out(Connection& connection, ResponseStream& body,
                              const http::RequestHead& request);
    io::Task<void> linger(net::Stream& stream);

    io::Ring& ring_;
    io::Listener listener_;
    Api& api_;
    AdminTls* tls_;
    EpochWait& epochs_;
    Names& names_;
    WriteBatch writes_;
    BodyBudget bodies_{most_bodies};
    BodyBudget answers_{most_answers};
    LastCall last_call_{*this};
    IntrusiveList<Connection> waiting_;  // for their clients, the longest first
    IntrusiveList<Connection> at_work_;  // and those that are being closed
    HttpDate date_;
    LogLimit complaints_;
    std::size_t open_ = 0;
    bool accepting_ = false;
    bool stopping_ = false;
};

}  // namespace penstock::control
