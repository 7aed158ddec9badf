// BackendHealth: whether a backend is alive, for every worker at once (SPEC section 6).
//
// SKELETON: replaced by the health work; the interface is what others build on.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

enum class HealthState : std::uint8_t { alive, dead, maintenance };

struct HealthLimits {
    std::uint32_t max_fails = 1;  // 0: never marked dead
    Duration fail_window = std::chrono::seconds(10);
};

struct HealthView {
    HealthState state = HealthState::alive;
    std::uint32_t failures = 0;            // since it was last alive and well
    std::uint64_t dead_since_unix_ms = 0;  // 0: it is not dead
    std::uint32_t epoch = 0;               // of the present state; changes with every new failure
};

class BackendHealth {
  public:
    // Worker threads.

    /// One relaxed load.
    bool is_alive() const noexcept { return alive_.load(std::memory_order_relaxed); }
    /// True for the one caller whose report made it dead.
    bool record_failure(const HealthLimits&, TimePoint /*now*/) noexcept { return false; }

    // Control thread.

    HealthView view() const noexcept { return {}; }
    /// False where it is not dead, or has failed anew since `epoch` was read.
    bool revive(std::uint32_t /*epoch*/) noexcept { return false; }
    void set_maintenance(bool on) noexcept { alive_.store(!on, std::memory_order_relaxed); }

  private:
    std::atomic<bool> alive_{true};
};

}  // namespace penstock::snapshot
