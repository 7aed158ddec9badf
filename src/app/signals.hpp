// Signals of the process: blocked in every thread, read by main() like messages.
#pragma once

#include <cstdint>
#include <optional>

namespace penstock::app {

enum class Signal : std::uint8_t {
    end,          ///< SIGTERM, SIGINT
    upgrade,      ///< SIGUSR2
    reopen_logs,  ///< SIGUSR1
    hang_up       ///< SIGHUP
};

class Signals {
  public:
    /// Before the first thread starts: from now on they wait until they are asked for.
    Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals();

    /// Readable while there is one (poll(2)).
    int fd() const noexcept { return fd_; }
    /// The next; does not wait.
    std::optional<Signal> next() const noexcept;

  private:
    int fd_ = -1;
};

}  // namespace penstock::app
