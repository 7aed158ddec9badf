// Predecessor: the running process whose place this one takes, as an upgrade has it
// (docs/decisions/0022-upgrade.md).
//
// Start-up, main thread. The other side is app/upgrade.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "app/handover.hpp"

namespace penstock::app {

/// The environment variable that names our end of the channel.
inline constexpr const char* upgrade_variable = "PENSTOCK_UPGRADE_FD";

class Predecessor {
  public:
    /// Null where this process was started by itself. Before any other thread: the environment
    /// changes.
    static Result<std::unique_ptr<Predecessor>> of_environment();

    explicit Predecessor(HandoverChannel channel) : channel_(std::move(channel)) {}
    Predecessor(const Predecessor&) = delete;
    Predecessor& operator=(const Predecessor&) = delete;
    ~Predecessor();

    /// Its listening sockets; the caller's from now on.
    std::vector<HandedSockets> take_sockets() { return std::move(sockets_); }

    /// Returns when it has let go of its store; asks it once. Where that lives in memory alone,
    /// memory_store() is its content from then on.
    Result<void> ask_for_store();
    int memory_store() const noexcept { return memory_store_; }

    /// That we listen on those sockets, too: it does not end them.
    void takes(std::string_view name);
    /// All is set up. Returns when it accepts nothing any more: what it has not, is ours.
    void ready();
    /// We end, and why.
    void failed(std::string_view why);

  private:
    Result<void> receive_sockets();

    HandoverChannel channel_;
    std::vector<HandedSockets> sockets_;
    int memory_store_ = -1;
    bool has_store_ = false;
};

}  // namespace penstock::app
