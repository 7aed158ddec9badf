// Watchdog: a thread that asks every loop of the process to come round, and ends the process where
// one does not: its supervisor starts another. Before it does, the loop's thread says where it is.
//
// A loop is asked through its mailbox, so that one that sleeps wakes for it: what does not answer
// is stuck, whatever the reason. What counts is time in which the process could run: a process that
// is stopped (SIGSTOP, a debugger, a machine that sleeps) stops its watchdog with it, and a thread
// that the system gives no CPU has done nothing wrong. watch() before start(); stop() before the
// loops' mailboxes end.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/types.h>

#include "base/clock.hpp"
#include "io/mailbox.hpp"

namespace penstock::app {

class Watchdog {
  public:
    /// A loop that has not come round.
    struct Stuck {
        std::string name;
        pid_t thread = 0;  // 0: it has not come round once
        Duration since{};
    };

    Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog();

    /// A loop that may take `limit` for a turn; zero: any time. `has_ended`: it takes no mail any
    /// more; asked on the watchdog's thread.
    void watch(std::string name, io::Mailbox& mailbox, Duration limit,
               std::function<bool()> has_ended);
    /// Every `period` in which all loops have come round, `alive` is called.
    void tell_alive(Duration period, std::function<void()> alive);
    /// What becomes of a loop that is stuck; abort_with_stack() is what the program does.
    void on_stuck(std::function<void(const Stuck&)> callback) { stuck_ = std::move(callback); }

    /// Returns when every loop has come round once, or has had a second for it. Nothing is watched,
    /// nobody told: no thread.
    void start();
    void stop();

  private:
    struct Loop;

    void run();
    void ask(Loop& loop);
    void meet_all();
    void look(TimePoint now, Duration counted);
    void look_at(Loop& loop, Duration counted);
    void tell(TimePoint now);

    std::vector<std::unique_ptr<Loop>> loops_;
    std::function<void(const Stuck&)> stuck_;
    std::function<void()> alive_;
    Duration alive_period_{};
    TimePoint told_alive_;
    Duration look_period_{};
    std::thread thread_;
    std::mutex mutex_;  // of stopping_
    std::condition_variable wakes_;
    bool stopping_ = false;
};

/// Once, at start: what the stack of a stuck thread needs, without asking for memory then.
void prepare_stacks();

/// Says on stderr which loop is stuck, has its thread write its stack there, and ends the process
/// (SIGABRT).
[[noreturn]] void abort_with_stack(const Watchdog::Stuck& stuck);

}  // namespace penstock::app
