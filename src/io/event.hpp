// Event: one coroutine waits until something else on the same loop says go.
//
// Not thread-safe; another thread goes through the loop's mailbox. set() before wait() is
// remembered.
#pragma once

#include <coroutine>
#include <utility>

#include "io/ring.hpp"

namespace penstock::io {

class Event {
  public:
    explicit Event(Ring& ring) noexcept : ring_(ring) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    bool is_set() const noexcept { return set_; }
    void reset() noexcept { set_ = false; }
    void set() noexcept {
        set_ = true;
        if (waiter_) ring_.schedule(std::exchange(waiter_, {}));
    }

    class [[nodiscard]] Awaiter {
      public:
        explicit Awaiter(Event& event) noexcept : event_(event) {}
        bool await_ready() const noexcept { return event_.set_; }
        void await_suspend(std::coroutine_handle<> handle) noexcept { event_.waiter_ = handle; }
        void await_resume() const noexcept {}

      private:
        Event& event_;
    };
    /// At most one waiter at a time.
    Awaiter wait() noexcept { return Awaiter(*this); }

  private:
    Ring& ring_;
    std::coroutine_handle<> waiter_;
    bool set_ = false;
};

}  // namespace penstock::io
