// RequestSampler: shows some of a worker's requests to whoever looks on, while anybody does.
//
// Of one worker, on its thread. Where nobody looks a request costs one load. Else the first request
// to end in each tenth of a second is copied into the worker's ring, whatever the load: nothing is
// allocated, nothing waits.
#pragma once

#include <chrono>
#include <cstdint>

#include "snapshot/totals.hpp"

namespace penstock::proxy {

class RequestSampler {
  public:
    /// Time from one sample to the next, at least.
    static constexpr Duration period = std::chrono::milliseconds(100);

    RequestSampler(unsigned worker, snapshot::Totals& totals)
        : wanted_(totals.samples_wanted), ring_(totals.by_worker[worker].samples) {}
    RequestSampler(const RequestSampler&) = delete;
    RequestSampler& operator=(const RequestSampler&) = delete;

    /// Subscriber to request.completed.
    void ended(const snapshot::RequestRecord& record) noexcept {
        if (wanted_.load(std::memory_order_relaxed)) sample(record);
    }

  private:
    void sample(const snapshot::RequestRecord& record) noexcept;

    const std::atomic<bool>& wanted_;
    snapshot::SampleRing& ring_;
    std::uint64_t ended_ = 0;  // since the last sample
    TimePoint next_{};
};

}  // namespace penstock::proxy
