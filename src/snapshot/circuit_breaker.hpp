// CircuitBreaker: takes a backend out of rotation while too many of its answers are errors, then
// lets one request try (SPEC section 6; M. Nygard, Release It!, chapter 5).
//
// One word {state, moment}, so that every transition has one winner, who is told what changed.
// While it is closed a request costs one relaxed load, and only errors write: they are counted by
// the second, in a block made at the first one. Worker threads, save where it says otherwise.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace penstock::snapshot {

enum class CircuitState : std::uint8_t { closed, open, half_open };

struct CircuitLimits {
    double error_rate = 0.5;
    std::uint32_t min_requests = 20;
    Duration window = std::chrono::seconds(10);  // at most CircuitBreaker::longest_window
    Duration open = std::chrono::seconds(30);
};

class CircuitBreaker {
  public:
    static constexpr std::chrono::seconds longest_window{60};

    /// What a call changed, for whoever reports it.
    enum class Change : std::uint8_t { none, opened, half_opened, closed };

    CircuitBreaker() = default;
    CircuitBreaker(const CircuitBreaker&) = delete;
    CircuitBreaker& operator=(const CircuitBreaker&) = delete;
    ~CircuitBreaker();

    /// One relaxed load where it is closed. True where a request may be sent: also half-open with
    /// no trial under way.
    bool permits(TimePoint now) const noexcept {
        const std::uint64_t word = word_.load(std::memory_order_relaxed);
        return phase_of(word) == Phase::closed || may_try(word, now);
    }
    struct Admitted {
        bool yes = true;
        bool is_trial = false;  // whoever holds the trial calls one of the three below
        Change change = Change::none;
    };
    /// Takes the one trial where it is due.
    Admitted admit(TimePoint now) noexcept {
        if (phase_of(word_.load(std::memory_order_relaxed)) == Phase::closed) return {};
        return take_trial(now);
    }
    /// Nothing is written where it is closed.
    Change record_success(bool was_trial) noexcept {
        return was_trial ? close_after_trial() : Change::none;
    }
    /// `requests`: how many this backend has been sent in the last counted_seconds(), over all
    /// workers. Errors of requests that were let through before it opened do not count.
    Change record_failure(const CircuitLimits& limits, bool was_trial, std::uint64_t requests,
                          TimePoint now) noexcept;
    /// The trial ended without a verdict (its client left): another may be made.
    void abandon_trial() noexcept;

    /// Over how many whole seconds before the present one errors are counted: the window, but not
    /// what was before it last closed. From 1 to 60.
    unsigned counted_seconds(const CircuitLimits& limits, TimePoint now) const noexcept;

    // Any thread.

    /// Half-open as soon as a trial is due.
    CircuitState state(TimePoint now) const noexcept;

    // Control thread.

    /// The route has no circuit any more.
    void reset() noexcept;

  private:
    /// The word's two highest bits; the others are a moment of the steady clock in nanoseconds.
    enum class Phase : std::uint8_t {
        closed,   // since the moment
        open,     // until the moment: then a trial is due
        trial,    // one is under way
        waiting,  // the trial was abandoned: another is due
    };
    struct Errors;

    static constexpr unsigned moment_bits = 62;
    static Phase phase_of(std::uint64_t word) noexcept {
        return static_cast<Phase>(word >> moment_bits);
    }
    static TimePoint moment_of(std::uint64_t word) noexcept {
        constexpr std::uint64_t mask = (std::uint64_t{1} << moment_bits) - 1;
        return TimePoint(std::chrono::nanoseconds(static_cast<std::int64_t>(word & mask)));
    }
    static std::uint64_t word_of(Phase phase, TimePoint moment) noexcept {
        const std::chrono::nanoseconds since = moment.time_since_epoch();
        return static_cast<std::uint64_t>(phase) << moment_bits |
               static_cast<std::uint64_t>(since.count());
    }
    static bool may_try(std::uint64_t word, TimePoint now) noexcept {
        const Phase phase = phase_of(word);
        return phase == Phase::waiting || (phase == Phase::open && now >= moment_of(word));
    }
    Admitted take_trial(TimePoint now) noexcept;
    Change close_after_trial() noexcept;
    Errors* errors() noexcept;

    std::atomic<std::uint64_t> word_{0};
    std::atomic<Errors*> errors_{nullptr};
};

}  // namespace penstock::snapshot
