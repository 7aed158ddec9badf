// ApiServer: HTTP/1.1 for the REST API, on the control thread's loop.
//
// Slow and huge clients cost a bounded amount of memory and time and hold up nobody: each
// connection is a coroutine, bodies are read up to the handler's limit, and an answer that waits
// for the workers waits alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/intrusive_list.hpp"
#include "control/epoch_wait.hpp"
#include "control/message.hpp"
#include "control/names.hpp"
#include "http/h1/reader.hpp"
#include "io/ring.hpp"

namespace penstock::control {

class ApiServer {
  public:
    static constexpr std::size_t most_connections = 1'024;

    using Handler = std::function<ApiResponse(const ApiRequest&)>;

    /// `listener_fd` is a listening socket, not owned. Ring, epochs and names must outlive the
    /// server.
    ApiServer(io::Ring& ring, int listener_fd, Handler handler, EpochWait& epochs, Names& names);
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

    void start();
    /// Stops accepting and ends every connection; stopped() is true once all have let go.
    void stop();
    bool stopped() const noexcept { return !accepting_ && connections_.empty(); }

    /// Workers have moved on to a newer epoch: answers that waited for them may go (control
    /// thread).
    void workers_moved();

  private:
    struct Connection : ListNode<Connection> {
        explicit Connection(io::Socket& socket) noexcept : stream(socket) {}
        net::Stream stream;
    };
    struct Body {
        std::string bytes;
        bool too_large = false;
        http::ReadResult result{};
    };

    io::Task<void> accept_all();
    io::Task<void> serve(int fd);
    io::Task<bool> serve_one(Connection& connection, io::BlockRef& unread);
    io::Task<ApiResponse> respond(http::h1::MessageReader& reader,
                                  const http::RequestHead& request);
    io::Task<Body> read_body(http::h1::MessageReader& reader, std::size_t most);
    io::Task<bool> send(net::Stream& stream, const ApiResponse& response, bool head_only,
                        bool keep_alive);

    io::Ring& ring_;
    io::Listener listener_;
    Handler handler_;
    EpochWait& epochs_;
    Names& names_;
    IntrusiveList<Connection> connections_;
    HttpDate date_;
    std::size_t open_ = 0;
    bool accepting_ = false;
    bool stopping_ = false;
};

}  // namespace penstock::control
