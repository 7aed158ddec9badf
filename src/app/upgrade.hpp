// Upgrade: one attempt to have a new process take this one's place, from its start to the moment
// when it serves or has failed (docs/decisions/0022-upgrade.md).
//
// Main thread. The other side is app/predecessor; what they say to each other, app/handover.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <penstock/result.hpp>
#include <sys/types.h>

#include "app/handover.hpp"
#include "app/proxy.hpp"
#include "base/clock.hpp"

namespace penstock::app {

/// How this process was started, to be started again.
struct Program {
    /// Of the command line's first word; where that leads elsewhere than to what runs, of
    /// /proc/self/exe. While nothing has been replaced: at start.
    static Program of(int argc, char** argv);

    std::string path;
    std::vector<std::string> arguments;  // the first word, too
};

class Upgrade {
  public:
    enum class State : std::uint8_t { under_way, ready, failed };

    /// `limit`: what the new process may take until it is ready.
    Upgrade(Proxy& proxy, const Program& program, std::chrono::milliseconds limit);
    Upgrade(const Upgrade&) = delete;
    Upgrade& operator=(const Upgrade&) = delete;
    /// Abandons what has not come to its end.
    ~Upgrade();

    /// Starts the new process; where that cannot be done it has failed at once.
    void begin();
    /// Takes what it has said, when fd() is readable or the deadline has come.
    State advance();
    /// Once it is ready: accepts nothing any more, and lets it begin.
    void hand_over();
    void let_begin();
    /// Ends the new process; this one goes on as before.
    void abandon(const std::string& why);

    int fd() const noexcept { return channel_.fd(); }
    TimePoint deadline() const noexcept { return deadline_; }
    State state() const noexcept { return state_; }
    pid_t pid() const noexcept { return pid_; }
    /// Of a failure.
    const std::string& reason() const noexcept { return reason_; }

  private:
    bool spawn(HandoverChannel& theirs);
    bool hand_sockets();
    void hear(HandoverChannel::Message& message);
    void lend_store();
    std::string how_it_ended();
    void fail(std::string why);

    Proxy& proxy_;
    const Program& program_;
    std::chrono::milliseconds limit_;
    TimePoint deadline_;
    HandoverChannel channel_;
    std::vector<std::string> taken_;  // the names of sockets that it listens on, too
    std::string last_words_;
    std::string reason_;
    pid_t pid_ = -1;
    State state_ = State::under_way;
    bool store_lent_ = false;
};

}  // namespace penstock::app
