// Tally: everything that one object (a route, a backend, all of them) has counted, as one row of
// numbers that never go down; Meter: reads it.
//
// Plain values. One row, so that rows can be added and taken from each other: what has no labels of
// its own is shown as the rest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "snapshot/request_record.hpp"
#include "snapshot/totals.hpp"

namespace penstock::control {

/// Upper bounds of what histograms are shown in, in seconds; one bucket more has what is longer.
inline constexpr std::array latency_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
inline constexpr std::size_t latency_buckets = latency_bounds.size() + 1;

struct Tally {
    /// Places of the row.
    enum Place : std::size_t {
        received,
        completed,
        rejected,  // of a backend: failed
        aborted,
        retries,
        tunnels,
        unmeasured,
        bytes_in,
        bytes_out,
        status,                                    // 1xx..5xx
        no_status = status + 5,                    // ended before a final status was sent
        errors = no_status + 1,                    // by ErrorKind
        latency = errors + snapshot::error_kinds,  // of each phase: its buckets, its sum in µs
    };
    static constexpr std::size_t latency_places = latency_buckets + 1;
    static constexpr std::size_t size = latency + snapshot::phases * latency_places;

    static constexpr std::size_t bucket(snapshot::Phase phase, std::size_t number) noexcept {
        return latency + static_cast<std::size_t>(phase) * latency_places + number;
    }
    static constexpr std::size_t latency_sum(snapshot::Phase phase) noexcept {
        return bucket(phase, latency_buckets);
    }

    std::uint64_t operator[](std::size_t place) const noexcept { return values[place]; }
    Tally& operator+=(const Tally& other) noexcept;
    /// Modulo 2^64, as are all differences.
    Tally& operator-=(const Tally& other) noexcept;
    /// Where the difference to `now` is negative this stays, else it becomes `now`.
    void advance_to(const Tally& now) noexcept;

    std::array<std::uint64_t, size> values{};
};

/// What goes up and down.
struct Levels {
    std::uint64_t active = 0;
    std::uint64_t queued = 0;
    std::uint64_t queued_for_auth = 0;

    Levels& operator+=(const Levels& other) noexcept;
    /// What is left of this without `other`; nothing below zero.
    Levels without(const Levels& other) const noexcept;
};

/// Of one SeriesSet. Counters live there for good, latencies in windows of the last minute: those
/// of periods that no worker adds to any more are gathered here, once each.
class Meter {
  public:
    /// How often gather() is to be called, at least: else periods leave the windows unseen.
    static constexpr unsigned gather_seconds = 10;

    /// Adds what of `set` is final by `now`.
    void gather(const snapshot::Totals& totals, const snapshot::SeriesSet& set, TimePoint now);
    /// Everything so far, the present period included.
    void read(const snapshot::Totals& totals, const snapshot::SeriesSet& set, TimePoint now,
              Tally& tally, Levels& levels) const;

  private:
    /// A worker's loop may be in the middle of a turn that began in an earlier period.
    static constexpr std::uint32_t open_periods = 2;

    Tally gathered_;                      // latencies alone
    std::uint32_t gathered_through_ = 0;  // period
};

}  // namespace penstock::control
