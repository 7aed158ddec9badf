// How the API asks for an upgrade: whoever runs the process does it, on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <sys/types.h>

namespace penstock::control {

struct UpgradeOutcome {
    enum class Kind : std::uint8_t {
        done,     ///< `pid` serves
        refused,  ///< nothing has been tried: `detail` says why
        failed    ///< this process goes on: `detail` says what was wrong with the other
    };
    Kind kind = Kind::done;
    pid_t pid = 0;
    std::string detail;
};

/// Called once, on any thread.
using UpgradeDone = std::function<void(const UpgradeOutcome&)>;

/// Asked on the control thread; does not wait.
using RequestUpgrade = std::function<void(UpgradeDone)>;

}  // namespace penstock::control
