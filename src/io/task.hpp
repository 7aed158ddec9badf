// Task: a coroutine that computes one T for whoever awaits it.
//
// Starts when it is awaited, on the awaiter's stack: a child that never suspends costs a call, and
// no chain of symmetric transfers can overflow the stack below -O2 (ARCHITECTURE section 4). A Task
// is awaited exactly once, on the thread that made it, and owns its frame. Frames come from the
// FramePool. An exception that leaves a task ends the process: errors are values here.
//
// Rules that g++ 12 imposes: co_await only as a statement or an initialiser of its own; no
// aggregates by value as coroutine parameters; no capturing lambda coroutines. tools/tidy.py checks
// them.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "io/frame_pool.hpp"

namespace penstock::io {

namespace detail {

struct TaskPromiseBase {
    std::coroutine_handle<> continuation = std::noop_coroutine();
    int* still_running = nullptr;  // set by both(): the last of two children resumes the parent

    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
        FramePool::release(frame, size);
    }

    std::suspend_always initial_suspend() noexcept { return {}; }

    struct FinalAwaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
            TaskPromiseBase& promise = self.promise();
            if (promise.still_running != nullptr && --*promise.still_running > 0)
                return std::noop_coroutine();
            return promise.continuation;
        }
        void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
};

/// What a task leaves behind for whoever awaits it.
template <class T>
struct TaskPromise : TaskPromiseBase {
    std::optional<T> value;

    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
    void return_void() noexcept {}
    void take() noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
  public:
    struct promise_type : detail::TaskPromise<T> {
        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() noexcept { return start(); }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept {
        handle_.promise().continuation = awaiter;
    }
    T await_resume() { return handle_.promise().take(); }

    /// For both() and spawn(): runs to the first suspension; true where that was the end.
    bool start() noexcept {
        handle_.resume();
        return handle_.done();
    }
    detail::TaskPromiseBase& promise() noexcept { return handle_.promise(); }

  private:
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

namespace detail {

/// A coroutine nobody awaits: runs from the call on and frees itself at its end.
struct Detached {
    struct promise_type {
        static void* operator new(std::size_t size) { return FramePool::allocate(size); }
        static void operator delete(void* frame, std::size_t size) noexcept {
            FramePool::release(frame, size);
        }
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
    };
};

inline Detached run_detached(Task<void> task) {
    co_await task;
}

}  // namespace detail

/// Runs `task` on its own from now on. Whoever spawns keeps what the task refers to alive until it
/// ends.
inline void spawn(Task<void> task) {
    detail::run_detached(std::move(task));
}

}  // namespace penstock::io
