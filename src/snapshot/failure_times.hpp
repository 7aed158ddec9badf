// FailureTimes: when something failed last, so that failures within a sliding window can be counted
// exactly.
//
// Any number of threads note; nothing blocks. A ring of moments, made when the first one is noted
// and never shrunk: a larger one is put before the smaller, which stays (both together hold less
// than twice what the largest limit asked for).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.hpp"

namespace penstock::snapshot {

class FailureTimes {
  public:
    FailureTimes() = default;
    FailureTimes(const FailureTimes&) = delete;
    FailureTimes& operator=(const FailureTimes&) = delete;
    ~FailureTimes();

    /// At least the latest `kept` are remembered from now on. Forgotten where memory is out.
    void note(TimePoint when, std::uint32_t kept) noexcept;

    /// How many of those remembered are later than `start`. Of several threads that note and then
    /// count, at least one sees all that was noted.
    std::uint32_t count_since(TimePoint start) const noexcept;

    /// Nobody else need stop noting.
    void clear() noexcept;

  private:
    struct Ring;

    Ring* ring_of(std::uint32_t size) noexcept;

    std::atomic<Ring*> newest_{nullptr};
};

}  // namespace penstock::snapshot
