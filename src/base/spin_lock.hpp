// SpinLock: for sections of well under a microsecond, where a thread that slept would cost more
// than one that waits.
//
// Any thread; not recursive, not fair. Used with std::lock_guard. Test and test-and-set (Rudolph
// and Segall, 1984), which gives its processor away where the holder seems to have lost its own.
#pragma once

#include <atomic>
#include <thread>

namespace penstock {

class SpinLock {
  public:
    void lock() noexcept {
        unsigned tries = 0;
        while (taken_.exchange(true, std::memory_order_acquire)) {
            while (taken_.load(std::memory_order_relaxed)) {
                if (++tries < tries_before_yield) continue;
                tries = 0;
                std::this_thread::yield();
            }
        }
    }
    void unlock() noexcept { taken_.store(false, std::memory_order_release); }

  private:
    static constexpr unsigned tries_before_yield = 100;

    std::atomic<bool> taken_{false};
};

}  // namespace penstock
