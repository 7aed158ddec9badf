// CircuitBreaker: takes a backend out of rotation while most of its answers are errors (SPEC
// section 6).
//
// SKELETON: replaced by the health work; the interface is what others build on.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

enum class CircuitState : std::uint8_t { closed, open, half_open };

struct CircuitLimits {
    double error_rate = 0.5;
    std::uint32_t min_requests = 20;
    Duration window = std::chrono::seconds(10);
    Duration open = std::chrono::seconds(30);
};

class CircuitBreaker {
  public:
    /// What a call changed, for whoever reports it.
    enum class Change : std::uint8_t { none, opened, half_opened, closed };

    // Worker threads.

    /// One relaxed load where it is closed. True where a request may be sent: also half-open with
    /// no trial under way.
    bool permits(TimePoint /*now*/) const noexcept { return true; }
    struct Admitted {
        bool yes = true;
        bool is_trial = false;  // whoever holds the trial calls one of the three below
        Change change = Change::none;
    };
    /// Takes the one trial where it is due.
    Admitted admit(TimePoint /*now*/) noexcept { return {}; }
    /// Nothing is written where it is closed.
    Change record_success(bool /*was_trial*/) noexcept { return Change::none; }
    /// `requests`: how many this backend has been sent within limits.window, over all workers.
    Change record_failure(const CircuitLimits&, bool /*was_trial*/, std::uint64_t /*requests*/,
                          TimePoint /*now*/) noexcept {
        return Change::none;
    }
    /// The trial ended without a verdict (its client left): another may be made.
    void abandon_trial() noexcept {}

    // Any thread.

    CircuitState state(TimePoint /*now*/) const noexcept { return CircuitState::closed; }
    // Control thread: the route has no circuit any more.
    void reset() noexcept {}
};

}  // namespace penstock::snapshot
