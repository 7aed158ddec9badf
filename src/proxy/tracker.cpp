#include "proxy/tracker.hpp"

#include <type_traits>

namespace penstock::proxy {

namespace {

using snapshot::Ending;
using snapshot::Moment;
using snapshot::Phase;

static_assert(snapshot::error_kinds <= snapshot::error_slots);

Ending::To to(snapshot::Outcome outcome) noexcept {
    switch (outcome) {
        case snapshot::Outcome::completed:
            return Ending::To::completed;
        case snapshot::Outcome::rejected:
            return Ending::To::rejected;
        case snapshot::Outcome::aborted:
            break;
    }
    return Ending::To::aborted;
}

Ending::To to(snapshot::AttemptOutcome outcome) noexcept {
    switch (outcome) {
        case snapshot::AttemptOutcome::completed:
            return Ending::To::completed;
        case snapshot::AttemptOutcome::failed:
            return Ending::To::rejected;
        case snapshot::AttemptOutcome::aborted:
            break;
    }
    return Ending::To::aborted;
}

template <class Record>
Ending ending_of(const Record& record) noexcept {
    const unsigned status_class = record.status / 100U;
    return {.to = to(record.outcome),
            .error = static_cast<std::uint8_t>(record.error),
            .status_class = static_cast<std::uint8_t>(
                status_class >= 1 && status_class <= 5 ? status_class : 0),
            .tunnelled = record.tunnelled,
            .bytes_in = record.bytes_in,
            .bytes_out = record.bytes_out};
}

/// Each duration into every one of `series`. The total is of what was completed: a refusal says
/// nothing of how long answers take, nor does how long a tunnel lasted.
template <class Record, class... Many>
void record_latencies(const Record& record, snapshot::HistogramPool& pool, std::uint32_t period,
                      Many&... series) noexcept {
    constexpr auto completed = decltype(record.outcome)::completed;
    const auto add = [&](Phase phase, Duration duration) {
        const snapshot::Bucket bucket = snapshot::bucket_of(duration);
        (series.record(pool, period, phase, bucket), ...);
    };
    if constexpr (std::is_same_v<Record, snapshot::RequestRecord>) {
        if (record.queue) add(Phase::queue, *record.queue);
    }
    if (record.connect) add(Phase::connect, *record.connect);
    if (record.first_byte) add(Phase::first_byte, *record.first_byte);
    if (record.outcome == completed && !record.tunnelled) add(Phase::total, record.total());
}

}  // namespace

void Tracker::ended(const snapshot::RequestRecord& record) noexcept {
    if (record.route == nullptr) {
        increment(own_.unrouted);
        return;
    }
    const Moment moment = snapshot::moment_of(record.now);
    own_.pool.advance(moment.period);
    Ending ending = ending_of(record);
    ending.retries = record.retries;
    snapshot::Series& series = of(*record.route);
    // First: who sees that the request has ended finds its latencies.
    record_latencies(record, own_.pool, moment.period, series, everything_);
    series.end(ending);
    everything_.end(ending);
}

void Tracker::attempt_ended(const snapshot::Upstream& upstream,
                            const snapshot::AttemptRecord& record) noexcept {
    const Moment moment = snapshot::moment_of(record.now);
    own_.pool.advance(moment.period);
    snapshot::Series& series = of(upstream);
    record_latencies(record, own_.pool, moment.period, series);
    series.end(ending_of(record));
}

}  // namespace penstock::proxy
