#include "snapshot/circuit_breaker.hpp"

#include <algorithm>
#include <new>

#include "snapshot/second_counts.hpp"

namespace penstock::snapshot {

namespace {

constexpr std::uint32_t places = 64;
static_assert(CircuitBreaker::longest_window.count() < places);

}  // namespace

/// Apart, for most backends never have one.
struct CircuitBreaker::Errors : SecondCounts<places> {};

CircuitBreaker::~CircuitBreaker() {
    delete errors_.load();
}

/// Null where memory is out.
CircuitBreaker::Errors* CircuitBreaker::errors() noexcept {
    Errors* present = errors_.load();
    if (present != nullptr) return present;
    Errors* const made = new (std::nothrow) Errors;
    if (made == nullptr || errors_.compare_exchange_strong(present, made)) return made;
    delete made;
    return present;
}

unsigned CircuitBreaker::counted_seconds(const CircuitLimits& limits,
                                         TimePoint now) const noexcept {
    const auto window = std::chrono::ceil<std::chrono::seconds>(limits.window);
    const auto longest = std::clamp(window, std::chrono::seconds(1), longest_window);
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    const std::uint32_t closed = second_of(now) - second_of(moment_of(word));
    return std::clamp(closed, 1u, static_cast<std::uint32_t>(longest.count()));
}

CircuitBreaker::Admitted CircuitBreaker::take_trial(TimePoint now) noexcept {
    std::uint64_t word = word_.load();
    while (may_try(word, now)) {
        if (!word_.compare_exchange_weak(word, word_of(Phase::trial, now))) continue;
        const bool is_first = phase_of(word) == Phase::open;
        return {true, true, is_first ? Change::half_opened : Change::none};
    }
    return {phase_of(word) == Phase::closed, false, Change::none};
}

CircuitBreaker::Change CircuitBreaker::close_after_trial() noexcept {
    std::uint64_t word = word_.load();
    if (phase_of(word) != Phase::trial) return Change::none;  // reset meanwhile
    if (Errors* const counted = errors_.load()) counted->clear();
    const bool closes =
        word_.compare_exchange_strong(word, word_of(Phase::closed, moment_of(word)));
    return closes ? Change::closed : Change::none;
}

CircuitBreaker::Change CircuitBreaker::record_failure(const CircuitLimits& limits, bool was_trial,
                                                      std::uint64_t requests,
                                                      TimePoint now) noexcept {
    std::uint64_t word = word_.load();
    if (phase_of(word) != (was_trial ? Phase::trial : Phase::closed)) return Change::none;
    if (!was_trial) {
        Errors* const counted = errors();
        if (counted == nullptr) return Change::none;
        const std::uint32_t second = second_of(now);
        counted->add(second);
        const std::uint64_t failed = counted->sum(second, counted_seconds(limits, now));
        const auto sent = static_cast<double>(std::max(requests, failed));
        if (sent < limits.min_requests || static_cast<double>(failed) < limits.error_rate * sent)
            return Change::none;
    }
    const std::uint64_t open = word_of(Phase::open, now + limits.open);
    return word_.compare_exchange_strong(word, open) ? Change::opened : Change::none;
}

void CircuitBreaker::abandon_trial() noexcept {
    std::uint64_t word = word_.load();
    if (phase_of(word) != Phase::trial) return;
    word_.compare_exchange_strong(word, word_of(Phase::waiting, moment_of(word)));
}

CircuitState CircuitBreaker::state(TimePoint now) const noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    if (phase_of(word) == Phase::closed) return CircuitState::closed;
    const bool is_open = phase_of(word) == Phase::open && now < moment_of(word);
    return is_open ? CircuitState::open : CircuitState::half_open;
}

void CircuitBreaker::reset() noexcept {
    if (word_.load(std::memory_order_relaxed) == 0 && errors_.load() == nullptr) return;
    if (Errors* const counted = errors_.load()) counted->clear();
    word_.store(0);
}

}  // namespace penstock::snapshot
