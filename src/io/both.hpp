// both(a, b): runs two tasks at once on one thread and resumes the awaiter when the *second* of
// them has ended.
//
// There is no "first of two": an operation that the kernel still holds may not be abandoned, so
// whoever wants one side to stop makes the other end it (cancel, shutdown) and both are joined all
// the same.
#pragma once

#include <coroutine>

#include "io/task.hpp"

namespace penstock::io {

class [[nodiscard]] Both {
  public:
    Both(Task<void>& first, Task<void>& second) noexcept : first_(first), second_(second) {}

    bool await_ready() noexcept {
        first_.promise().still_running = &still_running_;
        second_.promise().still_running = &still_running_;
        first_.start();
        second_.start();
        return still_running_ == 0;
    }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept {
        first_.promise().continuation = awaiter;
        second_.promise().continuation = awaiter;
    }
    void await_resume() noexcept {}

  private:
    Task<void>& first_;
    Task<void>& second_;
    int still_running_ = 2;
};

inline Both both(Task<void>& first, Task<void>& second) noexcept {
    return {first, second};
}

}  // namespace penstock::io
