#include "snapshot/backend_health.hpp"

#include <algorithm>

namespace penstock::snapshot {

bool BackendHealth::record_failure(const HealthLimits& limits, TimePoint now) noexcept {
    std::uint64_t word = word_.load();
    if (limits.max_fails > 1 && state_of(word) == HealthState::alive)
        times_.note(now, limits.max_fails);
    for (;;) {
        // Judged again at each turn: a revival meanwhile has let the earlier failures be forgotten.
        const bool dies = state_of(word) == HealthState::alive && are_too_many(limits, now);
        // Before the word, so that nobody sees it dead since never.
        if (dies) since_unix_ms_.store(unix_milliseconds());
        const std::uint32_t failures = std::min(failures_of(word) + 1, most_failures);
        const HealthState state = dies ? HealthState::dead : state_of(word);
        if (word_.compare_exchange_weak(word, next_word(epoch_of(word), failures, state)))
            return dies;
    }
}

bool BackendHealth::are_too_many(const HealthLimits& limits, TimePoint now) const noexcept {
    if (limits.max_fails <= 1) return limits.max_fails == 1;
    return times_.count_since(now - limits.fail_window) >= limits.max_fails;
}

HealthView BackendHealth::view() const noexcept {
    const std::uint64_t word = word_.load();
    const HealthState state = state_of(word);
    return {state, failures_of(word), state == HealthState::alive ? 0 : since_unix_ms_.load(),
            epoch_of(word)};
}

bool BackendHealth::revive(std::uint32_t epoch) noexcept {
    std::uint64_t word = word_.load();
    if (state_of(word) != HealthState::dead || epoch_of(word) != epoch) return false;
    times_.clear();  // nobody notes while it is dead
    return word_.compare_exchange_strong(word, next_word(epoch, 0, HealthState::alive));
}

void BackendHealth::set_maintenance(bool on) noexcept {
    std::uint64_t word = word_.load();
    for (;;) {
        if ((state_of(word) == HealthState::maintenance) == on) return;
        if (on)
            since_unix_ms_.store(unix_milliseconds());
        else
            times_.clear();
        const std::uint64_t next =
            on ? next_word(epoch_of(word), failures_of(word), HealthState::maintenance)
               : next_word(epoch_of(word), 0, HealthState::alive);
        if (word_.compare_exchange_weak(word, next)) return;
    }
}

}  // namespace penstock::snapshot
