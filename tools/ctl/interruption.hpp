// Interruption: Ctrl-C (SIGINT) and SIGTERM as something that happens on the loop.
//
// One a process, on its main thread. The handlers write to a socket, whose other end the loop
// watches: nothing is done inside a signal.
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "ctl/api_call.hpp"
#include "io/ring.hpp"
#include "io/socket.hpp"

namespace penstock::ctl {

class Interruption final : io::SocketWatcher {
  public:
    /// Null where the kernel has no sockets left: then signals end the process as ever.
    static std::unique_ptr<Interruption> install(io::Ring& ring);
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
    /// The signals do what they did before.
    ~Interruption();

    bool has_come() const noexcept { return has_come_; }
    /// What it ends when it comes; null: nothing.
    void ends(ApiCall* call) noexcept { call_ = call; }
    /// False where it has come.
    bool sleep(Duration duration);

  private:
    Interruption(io::Ring& ring, int fd);
    void on_unawaited_input(io::Socket& socket) override;

    io::Ring& ring_;
    io::Socket& socket_;
    ApiCall* call_ = nullptr;
    bool has_come_ = false;
};

}  // namespace penstock::ctl
