// SpanQueues: requests that are spans of a trace, on their way from the workers to whoever exports
// them: a ring for each worker.
//
// Made before the workers, outlives them. of(): that worker's thread alone; take(): one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/byte_ring.hpp"
#include "snapshot/request_details.hpp"

namespace penstock::snapshot {

class SpanQueues {
  public:
    static constexpr std::size_t ring_bytes = std::size_t{1} << 20;

    explicit SpanQueues(unsigned workers) {
        for (unsigned i = 0; i < workers; ++i)
            rings_.push_back(std::make_unique<ByteRing>(ring_bytes));
    }

    ByteRing& of(unsigned worker) noexcept { return *rings_[worker]; }

    /// Calls visit(details) for those that there are, as long as it returns true.
    template <class Visit>
    void take(Visit&& visit) {
        for (const auto& ring : rings_) {
            while (!ring->empty()) {
                const bool goes_on = visit(decode(ring->front()));
                ring->pop();
                if (!goes_on) return;
            }
        }
    }

  private:
    std::vector<std::unique_ptr<ByteRing>> rings_;
};

}  // namespace penstock::snapshot
