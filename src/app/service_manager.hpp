// ServiceManager: what systemd is told of this process, in the words of sd_notify(3), without its
// library.
//
// Datagrams to the socket that NOTIFY_SOCKET names, a path or an abstract name ("@..."). Any thread
// once it is made; never blocks. Where nobody asks to be told, or cannot take it, nothing happens.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace penstock::app {

class ServiceManager {
  public:
    /// Of the environment, with the rights that the process was started with.
    ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;
    ~ServiceManager();

    /// It serves, or serves again after reloading().
    void ready(std::string_view status) const;
    /// It is being replaced by a new process; ready() ends that, whatever came of it.
    void reloading() const;
    /// `main` has taken its place and serves.
    void replaced_by(pid_t main, std::string_view status) const;
    void stopping() const;
    /// All loops have come round. To be said within watchdog_period().
    void alive() const;

    /// How long the manager waits for alive() before it takes the process for hung (WatchdogSec=);
    /// empty where it does not.
    std::optional<std::chrono::microseconds> watchdog_period() const noexcept {
        return watchdog_period_;
    }

  private:
    void tell(const std::string& lines) const;

    int fd_ = -1;
    std::optional<std::chrono::microseconds> watchdog_period_;
};

}  // namespace penstock::app
