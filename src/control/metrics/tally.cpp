#include "control/metrics/tally.hpp"

#include <algorithm>
#include <chrono>

namespace penstock::control {

namespace {

using snapshot::Bucket;
using snapshot::Counts;
using snapshot::Phase;

/// By octave and place: the first bound that the middle of the bucket does not exceed.
using BoundTable =
    std::array<std::array<std::uint8_t, snapshot::octave_buckets>, snapshot::octaves>;

BoundTable make_bound_table() {
    BoundTable table{};
    for (std::uint8_t octave = 0; octave < snapshot::octaves; ++octave) {
        for (std::uint8_t place = 0; place < snapshot::octave_buckets; ++place) {
            const double middle =
                std::chrono::duration<double>(snapshot::middle_of({octave, place})).count();
            const auto* const bound =
                std::lower_bound(latency_bounds.begin(), latency_bounds.end(), middle);
            table[octave][place] = static_cast<std::uint8_t>(bound - latency_bounds.begin());
        }
    }
    return table;
}

/// One worker's latencies of one phase in one period.
void add_period(const snapshot::HistogramPool& pool, const snapshot::LatencyWindow& window,
                std::uint32_t period, Phase phase, Tally& into) {
    static const BoundTable bounds = make_bound_table();
    std::array<std::uint64_t, latency_buckets> counts{};
    std::uint64_t nanoseconds = 0;
    const auto count_in = [&](Bucket bucket, std::uint32_t count) {
        counts[bounds[bucket.octave][bucket.place]] += count;
        nanoseconds += count * static_cast<std::uint64_t>(snapshot::middle_of(bucket).count());
    };
    if (!window.visit_period(pool, period, phase, count_in)) return;
    for (std::size_t i = 0; i < latency_buckets; ++i)
        into.values[Tally::bucket(phase, i)] += counts[i];
    // Cut to microseconds here, so that a period adds the same now and when it is gathered.
    into.values[Tally::latency_sum(phase)] += nanoseconds / 1'000;
}

void add_periods(const snapshot::Totals& totals, const snapshot::SeriesSet& set,
                 std::uint32_t first, std::uint32_t last, Tally& into) {
    set.for_each([&](unsigned worker, const snapshot::Series& series) {
        for (std::uint32_t period = first; period <= last; ++period) {
            for (unsigned phase = 0; phase < snapshot::phases; ++phase)
                add_period(totals.by_worker[worker].pool, series.latencies(), period,
                           static_cast<Phase>(phase), into);
        }
    });
}

void add_counts(const Counts& counts, Tally& into) {
    auto& values = into.values;
    values[Tally::received] += counts.received;
    values[Tally::completed] += counts.completed;
    values[Tally::rejected] += counts.rejected;
    values[Tally::aborted] += counts.aborted;
    values[Tally::retries] += counts.retries;
    values[Tally::tunnels] += counts.tunnelled;
    values[Tally::unmeasured] += counts.unmeasured;
    values[Tally::bytes_in] += counts.bytes_in;
    values[Tally::bytes_out] += counts.bytes_out;
    std::uint64_t without = counts.completed + counts.rejected + counts.aborted;
    for (std::size_t i = 0; i < counts.status.size(); ++i) {
        values[Tally::status + i] += counts.status[i];
        without -= std::min(without, counts.status[i]);
    }
    values[Tally::no_status] += without;
    for (std::size_t i = 0; i < snapshot::error_kinds; ++i)
        values[Tally::errors + i] += counts.errors[i];
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) noexcept {
    for (std::size_t i = 0; i < size; ++i) values[i] += other.values[i];
    return *this;
}

Tally& Tally::operator-=(const Tally& other) noexcept {
    for (std::size_t i = 0; i < size; ++i) values[i] -= other.values[i];
    return *this;
}

void Tally::advance_to(const Tally& now) noexcept {
    for (std::size_t i = 0; i < size; ++i) {
        if (static_cast<std::int64_t>(now.values[i] - values[i]) > 0) values[i] = now.values[i];
    }
}

Levels& Levels::operator+=(const Levels& other) noexcept {
    active += other.active;
    queued += other.queued;
    queued_for_auth += other.queued_for_auth;
    return *this;
}

Levels Levels::without(const Levels& other) const noexcept {
    return {active - std::min(active, other.active), queued - std::min(queued, other.queued),
            queued_for_auth - std::min(queued_for_auth, other.queued_for_auth)};
}

void Meter::gather(const snapshot::Totals& totals, const snapshot::SeriesSet& set, TimePoint now) {
    const std::uint32_t present = snapshot::moment_of(now).period;
    const std::uint32_t last = present - open_periods;
    const std::uint32_t first =
        std::max(gathered_through_ + 1, present - (snapshot::window_periods - 1));
    if (first <= last) add_periods(totals, set, first, last, gathered_);
    gathered_through_ = std::max(gathered_through_, last);
}

void Meter::read(const snapshot::Totals& totals, const snapshot::SeriesSet& set, TimePoint now,
                 Tally& tally, Levels& levels) const {
    set.for_each([&](unsigned, const snapshot::Series& series) {
        const Counts counts = series.counts();
        add_counts(counts, tally);
        levels += {counts.active, counts.queued, counts.queued_for_auth};
    });
    tally += gathered_;
    const std::uint32_t present = snapshot::moment_of(now).period;
    const std::uint32_t first =
        std::max(gathered_through_ + 1, present - (snapshot::window_periods - 1));
    // A worker may be a period ahead of whoever asks.
    add_periods(totals, set, first, present + 1, tally);
}

}  // namespace penstock::control
