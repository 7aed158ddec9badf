// Timers by the thousand: arming, moving and cancelling are O(1), with a resolution of one
// millisecond.
//
// Hierarchical timing wheel (Varghese and Lauck, 1987), six levels of 64 slots; a timer's level is
// that of the highest bit in which its tick differs from the present one, so a slot never wraps. A
// timer never fires early; it fires up to one tick plus one loop turn late. Not thread-safe: one
// wheel a loop.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.hpp"
#include "base/intrusive_list.hpp"

namespace penstock::io {

/// Owned by whoever waits; must be disarmed, or have fired, before it dies.
class Timer : public ListNode<Timer> {
  public:
    using Callback = void (*)(Timer&);

    /// `callback` runs on the loop's thread and may arm this or any other timer.
    explicit Timer(Callback callback) noexcept : callback_(callback) {}

    bool is_armed() const noexcept { return is_linked(); }
    std::uint64_t expiry_tick() const noexcept { return expiry_tick_; }

  private:
    friend class TimerWheel;

    Callback callback_;
    std::uint64_t expiry_tick_ = 0;
};

class TimerWheel {
  public:
    explicit TimerWheel(TimePoint start) noexcept : start_(start) {}
    ~TimerWheel();

    /// (Re-)arms `timer` for `when`; a moment in the past means the next advance().
    void arm(Timer& timer, TimePoint when) noexcept;
    void disarm(Timer& timer) noexcept;

    /// Fires everything due by `now`.
    void advance(TimePoint now);

    /// When advance() has next something to do; `never` where no timer is armed.
    TimePoint next_expiry() const noexcept;

    std::uint64_t tick_of(TimePoint when) const noexcept;

  private:
    static constexpr int levels = 6;
    static constexpr int slot_bits = 6;
    static constexpr std::uint64_t slots = 1u << slot_bits;
    static constexpr std::uint64_t no_tick = UINT64_MAX;

    struct Level {
        std::uint64_t occupied =
            0;  // may have a bit set whose slot has emptied since; never the reverse
        std::array<IntrusiveList<Timer>, slots> slot;
    };

    void insert(Timer& timer) noexcept;
    std::uint64_t next_tick() const noexcept;
    void cascade(int level) noexcept;

    TimePoint start_;
    std::uint64_t current_ = 0;
    std::array<Level, levels> level_;
};

}  // namespace penstock::io
