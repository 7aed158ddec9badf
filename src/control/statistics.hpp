// Statistics: what the workers have counted, added up at the moment somebody asks.
//
// Control thread (or any other that the totals outlive). Reads what workers write without stopping
// or slowing them; nothing is kept between two calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "snapshot/totals.hpp"

namespace penstock::control {

/// Requests a second over the last 1, 10 and 60 whole seconds, or those since the start.
struct Rates {
    double last_second = 0;
    double last_10_seconds = 0;
    double last_60_seconds = 0;
};

struct Connections {
    std::uint64_t accepted = 0;
    std::uint64_t active = 0;
};

/// Of what leaves the process beside traffic: access log lines, spans.
struct Delivered {
    std::uint64_t delivered = 0;
    std::uint64_t dropped = 0;  // there was no room for it, or nobody took it
};

class Statistics {
  public:
    Statistics(const snapshot::Totals& totals, TimePoint now) noexcept
        : totals_(totals), now_(now) {}

    /// Of everything, or of one route or backend. Adds to `into`, so that several can be summed.
    void add_counts(const snapshot::SeriesSet& set, snapshot::Counts& into) const noexcept;
    void add_rates(const snapshot::SeriesSet& set, Rates& into) const noexcept;
    void add_latencies(const snapshot::SeriesSet& set, snapshot::Phase phase,
                       snapshot::Histogram& into) const noexcept;

    const snapshot::SeriesSet& everything() const noexcept { return totals_.everything; }
    std::uint64_t unrouted() const noexcept;
    /// Requests turned away for want of memory; how often that has begun; whether it is so now.
    std::uint64_t shed() const noexcept;
    const snapshot::Shedding& shedding() const noexcept { return totals_.shedding; }
    Connections connections() const noexcept;
    Delivered access_log() const noexcept;
    Delivered spans() const noexcept;
    Duration uptime() const noexcept { return now_ - totals_.started; }
    std::size_t workers() const noexcept { return totals_.by_worker.size(); }
    std::size_t histogram_bytes() const noexcept;
    TimePoint now() const noexcept { return now_; }

  private:
    const snapshot::Totals& totals_;
    TimePoint now_;
};

/// What the system says of this process.
struct ProcessFacts {
    std::uint64_t resident_bytes = 0;  // 0: unknown
    std::uint64_t virtual_bytes = 0;
    double cpu_seconds = 0;      // of all threads, user and system
    std::uint64_t open_fds = 0;  // 0: unknown
    std::uint64_t most_fds = 0;
};
ProcessFacts process_facts() noexcept;

}  // namespace penstock::control
