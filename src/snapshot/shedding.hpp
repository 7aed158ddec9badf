// Shedding: whether the process turns work away because its memory runs short.
//
// The control thread says so (control/memory_watch), the workers ask: one relaxed load a request.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::snapshot {

class Shedding {
  public:
    bool is_on() const noexcept { return on_.load(std::memory_order_relaxed); }
    std::uint64_t episodes() const noexcept { return episodes_.load(std::memory_order_relaxed); }

    /// The control thread's.
    void turn(bool on) noexcept {
        if (on) episodes_.fetch_add(1, std::memory_order_relaxed);
        on_.store(on, std::memory_order_relaxed);
    }

  private:
    std::atomic<bool> on_{false};
    std::atomic<std::uint64_t> episodes_{0};
};

}  // namespace penstock::snapshot
