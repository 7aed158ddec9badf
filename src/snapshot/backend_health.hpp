// BackendHealth: whether a backend is alive, for every worker at once (SPEC section 6).
//
// One word {epoch, failures, state}: of all who report failures exactly one makes the backend dead,
// and what was learned before the newest failure cannot revive it. Workers report failures, the
// control thread revives and sets maintenance; anyone may look.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"
#include "snapshot/failure_times.hpp"

namespace penstock::snapshot {

/// Dead: found so by requests, until a probe succeeds. Maintenance: taken out by an administrator,
/// until put back.
enum class HealthState : std::uint8_t { alive, dead, maintenance };

struct HealthLimits {
    std::uint32_t max_fails = 1;  // 0: never marked dead
    Duration fail_window = std::chrono::seconds(10);
};

struct HealthView {
    HealthState state = HealthState::alive;
    std::uint32_t failures = 0;            // since it was last revived or put back
    std::uint64_t dead_since_unix_ms = 0;  // or in maintenance since; 0: it is alive
    std::uint32_t epoch = 0;  // changes with every new failure and every change of state
};

class BackendHealth {
  public:
    // Worker threads.

    /// One relaxed load.
    bool is_alive() const noexcept {
        return state_of(word_.load(std::memory_order_relaxed)) == HealthState::alive;
    }
    /// True for the one caller whose report made it dead: there have been limits.max_fails failures
    /// within limits.fail_window, this one included.
    bool record_failure(const HealthLimits& limits, TimePoint now) noexcept;

    // Any thread.

    HealthView view() const noexcept;

    // Control thread.

    /// False where it is not dead, or has failed anew since `epoch` was read.
    bool revive(std::uint32_t epoch) noexcept;
    /// Does nothing where it is so already; a dead backend stays dead where `on` is false. Put
    /// back, it is alive and its failures start anew.
    void set_maintenance(bool on) noexcept;

  private:
    // From the lowest bit: the state (2), the failures (30), the epoch (32).
    static constexpr unsigned state_bits = 2;
    static constexpr unsigned failure_bits = 30;
    static constexpr std::uint32_t most_failures = (1u << failure_bits) - 1;

    static HealthState state_of(std::uint64_t word) noexcept {
        return static_cast<HealthState>(word & ((1u << state_bits) - 1));
    }
    static std::uint32_t failures_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> state_bits) & most_failures;
    }
    static std::uint32_t epoch_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> (state_bits + failure_bits));
    }
    /// The word that follows one of `epoch`.
    static std::uint64_t next_word(std::uint32_t epoch, std::uint32_t failures,
                                   HealthState state) noexcept {
        return std::uint64_t{epoch + 1} << (state_bits + failure_bits) |
               std::uint64_t{failures} << state_bits | static_cast<std::uint64_t>(state);
    }
    bool are_too_many(const HealthLimits& limits, TimePoint now) const noexcept;

    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::uint64_t> since_unix_ms_{0};  // of the last time it stopped being alive
    FailureTimes times_;                           // used where max_fails is above 1
};

}  // namespace penstock::snapshot
