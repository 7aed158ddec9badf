#include "snapshot/backend_load.hpp"

#include <algorithm>
#include <limits>

namespace penstock::snapshot {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t window_ms =
    std::chrono::duration_cast<milliseconds>(RecentLatency::window).count();
/// Samples weigh in 1024ths: all that is known after a window of silence, and never less than this,
/// so that many samples within one millisecond count too.
constexpr std::int64_t whole_weight = 1'024;
constexpr std::int64_t sample_weight = whole_weight / 32;
constexpr std::int64_t failure_weight = whole_weight / 2;
/// Workers read the clock once a turn: one may be this far behind what another has recorded.
constexpr std::uint32_t most_behind_ms = 60'000;

constexpr std::uint64_t most_ticks = std::numeric_limits<std::uint32_t>::max();

std::int64_t ms_of(TimePoint now) noexcept {
    return std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
}

std::uint64_t pack(std::uint64_t ticks, TimePoint now) noexcept {
    return ticks << 32 | static_cast<std::uint32_t>(ms_of(now));
}

std::uint64_t ticks_in(std::uint64_t word) noexcept {
    return word >> 32;
}

std::int64_t age_ms(std::uint64_t word, TimePoint now) noexcept {
    const std::uint32_t age =
        static_cast<std::uint32_t>(ms_of(now)) - static_cast<std::uint32_t>(word);
    return age > std::numeric_limits<std::uint32_t>::max() - most_behind_ms ? 0 : age;
}

}  // namespace

RecentLatency::Estimate RecentLatency::estimate(TimePoint now) const noexcept {
    const std::uint64_t word = sample_.load(std::memory_order_relaxed);
    const std::uint64_t ticks = ticks_in(word);
    const std::int64_t age = age_ms(word, now);
    if (ticks == 0 || age >= window_ms) return {ticks, false};
    const auto left = static_cast<std::uint64_t>(2 * window_ms - age);
    return {std::max<std::uint64_t>(1, ticks * left / (2 * window_ms)), true};
}

bool RecentLatency::take_trial(TimePoint now) noexcept {
    const std::int64_t now_ms = ms_of(now);
    std::int64_t next = next_trial_ms_.load(std::memory_order_relaxed);
    return now_ms >= next && next_trial_ms_.compare_exchange_strong(next, now_ms + window_ms,
                                                                    std::memory_order_relaxed);
}

void RecentLatency::record(Duration waited, TimePoint now) noexcept {
    blend(ticks_of(std::max(waited, Duration::zero())), sample_weight, now);
}

void RecentLatency::record_failure(Duration waited, TimePoint now) noexcept {
    blend(ticks_of(std::max(waited, failure_charge)), failure_weight, now);
}

void RecentLatency::blend(std::uint64_t ticks, std::int64_t least_weight, TimePoint now) noexcept {
    ticks = std::clamp<std::uint64_t>(ticks, 1, most_ticks);
    std::uint64_t word = sample_.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        std::int64_t weight = whole_weight;
        if (ticks_in(word) != 0)
            weight = std::clamp(age_ms(word, now) * whole_weight / window_ms, least_weight,
                                whole_weight);
        const auto known = static_cast<std::int64_t>(ticks_in(word));
        const std::int64_t moved = (static_cast<std::int64_t>(ticks) - known) * weight;
        next = pack(
            static_cast<std::uint64_t>(std::max<std::int64_t>(1, known + moved / whole_weight)),
            now);
    } while (!sample_.compare_exchange_weak(word, next, std::memory_order_relaxed));
}

}  // namespace penstock::snapshot
