// TimedEvent: an Event with a deadline: one coroutine waits until something else on the same loop
// says go, or until it is too late.
//
// Not thread-safe. set() before wait() is remembered; a wait that ends takes it back.
#pragma once

#include <coroutine>
#include <utility>

#include "io/ring.hpp"
#include "io/timer_wheel.hpp"

namespace penstock::io {

class TimedEvent : Timer {
  public:
    explicit TimedEvent(Ring& ring) noexcept : Timer(&fire), ring_(ring) {}
    ~TimedEvent() { ring_.timers().disarm(*this); }

    bool has_waiter() const noexcept { return static_cast<bool>(waiter_); }
    void set() noexcept {
        set_ = true;
        wake();
    }

    class [[nodiscard]] Awaiter {
      public:
        Awaiter(TimedEvent& event, TimePoint deadline) noexcept
            : event_(event), deadline_(deadline) {}
        bool await_ready() const noexcept { return event_.set_; }
        void await_suspend(std::coroutine_handle<> handle) noexcept {
            event_.waiter_ = handle;
            if (deadline_ != never) event_.ring_.timers().arm(event_, deadline_);
        }
        /// False: the deadline has passed.
        bool await_resume() const noexcept { return std::exchange(event_.set_, false); }

      private:
        TimedEvent& event_;
        TimePoint deadline_;
    };
    /// At most one waiter at a time.
    Awaiter wait(TimePoint deadline = never) noexcept { return {*this, deadline}; }

    /// Of the wait that is under way; does nothing where none is.
    void move_deadline(TimePoint deadline) noexcept {
        if (!waiter_) return;
        if (deadline == never)
            ring_.timers().disarm(*this);
        else
            ring_.timers().arm(*this, deadline);
    }

  private:
    void wake() noexcept {
        if (!waiter_) return;
        ring_.timers().disarm(*this);
        ring_.schedule(std::exchange(waiter_, {}));
    }
    static void fire(Timer& timer) { static_cast<TimedEvent&>(timer).wake(); }

    Ring& ring_;
    std::coroutine_handle<> waiter_;
    bool set_ = false;
};

}  // namespace penstock::io
