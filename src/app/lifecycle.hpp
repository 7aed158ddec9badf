// Lifecycle: what the main thread does while the proxy serves: signals, and upgrades, whoever asks
// for one.
//
// Main thread, but for ask_for_upgrade().
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "app/proxy.hpp"
#include "app/service_manager.hpp"
#include "app/signals.hpp"
#include "app/upgrade.hpp"
#include "control/upgrade.hpp"

namespace penstock::app {

enum class Ending : std::uint8_t {
    stopped,  ///< by a signal
    replaced  ///< a new process serves in our place
};

class Lifecycle {
  public:
    Lifecycle(Proxy& proxy, const Signals& signals, const ServiceManager& manager,
              const Program& program, std::chrono::milliseconds upgrade_limit);
    Lifecycle(const Lifecycle&) = delete;
    Lifecycle& operator=(const Lifecycle&) = delete;
    ~Lifecycle();

    /// Returns when the proxy is to stop.
    void run();

    /// After run(): has the proxy drain, and end.
    void drain();

    /// Any thread. `done` is told on the main one, or at once where run() has returned.
    void ask_for_upgrade(control::UpgradeDone done);

  private:
    void wait() const;
    void take_signals();
    void take_requests();
    void begin_upgrade(control::UpgradeDone done);
    void follow_upgrade();
    void complete_upgrade();
    void end_upgrade(const control::UpgradeOutcome& outcome);
    bool is_hurried();
    std::string status() const;

    Proxy& proxy_;
    const Signals& signals_;
    const ServiceManager& manager_;
    const Program& program_;
    std::chrono::milliseconds upgrade_limit_;
    std::optional<Upgrade> upgrade_;
    control::UpgradeDone upgrade_done_;
    std::optional<Ending> ended_;

    std::mutex mutex_;  // of what follows
    std::vector<control::UpgradeDone> requests_;
    bool takes_requests_ = true;
    int requested_fd_;  // an eventfd
};

}  // namespace penstock::app
