// Totals: what the workers count that belongs to no route, and the memory of their histograms.
//
// Made before the workers and outlives them and every route. A worker writes its own parts alone;
// any thread reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "snapshot/histogram.hpp"
#include "snapshot/sample_ring.hpp"
#include "snapshot/series.hpp"
#include "snapshot/shedding.hpp"

namespace penstock::snapshot {

/// Of one worker; on cache lines of its own.
struct alignas(64) WorkerTotals {
    std::atomic<std::uint64_t> unrouted{0};
    std::atomic<std::uint64_t> shed{0};  // requests turned away for want of memory
    std::atomic<std::uint64_t> connections_opened{0};
    std::atomic<std::uint64_t> connections_closed{0};
    /// What had no room on its way out: access log lines, spans.
    std::atomic<std::uint64_t> log_lines_dropped{0};
    std::atomic<std::uint64_t> spans_dropped{0};
    HistogramPool pool;
    SampleRing samples;
};

/// What has left the process, or has been given up on the way; written by the thread that sends it.
struct Delivery {
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> dropped{0};
};

struct Totals {
    explicit Totals(unsigned workers) : everything(workers), by_worker(workers) {}

    SeriesSet everything;  // of requests that matched a route
    std::vector<WorkerTotals> by_worker;
    Shedding shedding;
    /// Shared: a thread that the disk holds may outlive everything else.
    const std::shared_ptr<Delivery> access_log = std::make_shared<Delivery>();
    Delivery spans;
    const TimePoint started = Clock::now();
    std::atomic<bool> samples_wanted{false};  // the control thread's: somebody looks on
};

}  // namespace penstock::snapshot
