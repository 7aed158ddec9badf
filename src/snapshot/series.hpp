// Series: what one worker has counted of one route, one backend or everything.
//
// SKELETON: replaced by the statistics work; the interface is what others build on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"

namespace penstock::snapshot {

/// Written by one worker, read by any thread: no locks, no read-modify-write.
class Series {
  public:
    /// Of the last `seconds` whole seconds (1..60) and the present one, as the clock of `now` has
    /// them.
    std::uint64_t recent_requests(unsigned /*seconds*/, TimePoint /*now*/) const noexcept {
        return 0;
    }
};

/// One Series a worker, each made by its worker when it is first wanted, freed with the set.
class SeriesSet {
  public:
    explicit SeriesSet(unsigned workers) : series_(workers) {}
    SeriesSet(const SeriesSet&) = delete;
    SeriesSet& operator=(const SeriesSet&) = delete;
    ~SeriesSet() {
        for (auto& series : series_) delete series.load(std::memory_order_acquire);
    }

    /// That worker's thread only.
    Series& of(unsigned worker) {
        Series* own = series_[worker].load(std::memory_order_relaxed);
        if (own == nullptr) {
            own = new Series();
            series_[worker].store(own, std::memory_order_release);
        }
        return *own;
    }

    /// Any thread: over all workers; see Series.
    std::uint64_t recent_requests(unsigned seconds, TimePoint now) const noexcept {
        std::uint64_t total = 0;
        for (const auto& series : series_) {
            const Series* one = series.load(std::memory_order_acquire);
            if (one != nullptr) total += one->recent_requests(seconds, now);
        }
        return total;
    }

  private:
    std::vector<std::atomic<Series*>> series_;
};

}  // namespace penstock::snapshot
