// SlotPool: dense numbers for published Routes, the lowest that are free first.
//
// Control thread only. Low numbers keep the workers' use counts in few chunks.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "base/assert.hpp"
#include "snapshot/use_counts.hpp"

namespace penstock::snapshot {

class SlotPool {
  public:
    std::size_t available() const noexcept { return UseCounts::most_slots - end_ + free_.size(); }

    std::uint32_t take() {
        if (free_.empty()) {
            PENSTOCK_ASSERT(end_ < UseCounts::most_slots);
            return static_cast<std::uint32_t>(end_++);
        }
        const std::uint32_t slot = free_.top();
        free_.pop();
        return slot;
    }
    void give_back(std::uint32_t slot) { free_.push(slot); }

    /// One more than the highest slot ever taken.
    std::size_t end() const noexcept { return end_; }

  private:
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> free_;
    std::size_t end_ = 0;
};

}  // namespace penstock::snapshot
