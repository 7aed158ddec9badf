#include "snapshot/series.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace penstock::snapshot {

namespace {

/// How often a reader tries to meet no change. A change takes some 10 ns, so that a second try is
/// rare, and many fail only where the worker was suspended in the middle of one.
constexpr int brisk_tries = 64;
/// Then a reader that may wait makes room for it: 10 ms in all.
constexpr int rested_tries = 50;
constexpr std::chrono::microseconds rest(200);

}  // namespace

Counts& Counts::operator+=(const Counts& other) noexcept {
    received += other.received;
    completed += other.completed;
    rejected += other.rejected;
    aborted += other.aborted;
    active += other.active;
    queued += other.queued;
    queued_for_auth += other.queued_for_auth;
    retries += other.retries;
    tunnelled += other.tunnelled;
    unmeasured += other.unmeasured;
    bytes_in += other.bytes_in;
    bytes_out += other.bytes_out;
    for (std::size_t i = 0; i < status.size(); ++i) status[i] += other.status[i];
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
    return *this;
}

// --- the worker's side ---

void Series::begin(Moment moment) noexcept {
    open();
    if (second_.load(std::memory_order_relaxed) != moment.second) turn_to(moment.second);
    increment(begun_in_second_);
    increment(received_);
    increment(active_);
    close();
}

void Series::end(const Ending& ending) noexcept {
    open();
    increment(active_, ~std::uint32_t{0});
    switch (ending.to) {
        case Ending::To::completed:
            increment(completed_);
            break;
        case Ending::To::rejected:
            increment(rejected_);
            break;
        case Ending::To::aborted:
            increment(aborted_);
            break;
    }
    if (ending.bytes_in > 0) increment(bytes_in_, ending.bytes_in);
    increment(bytes_out_, ending.bytes_out);
    if (ending.status_class > 0) increment(status_[ending.status_class - 1U]);
    if (ending.retries > 0) increment(retries_, std::uint64_t{ending.retries});
    if (ending.tunnelled) increment(tunnelled_);
    if (ending.error > 0) increment(errors_[ending.error]);
    close();
}

void Series::turn_to(std::uint32_t second) noexcept {
    const std::uint32_t before = second_.load(std::memory_order_relaxed);
    const std::uint32_t passed = std::min(second - before, ring_seconds);
    for (std::uint32_t i = 0; i < passed; ++i)
        begun_[(second - i) % ring_seconds].store(0, std::memory_order_release);
    if (passed < ring_seconds) {
        begun_[before % ring_seconds].store(begun_in_second_.load(std::memory_order_relaxed),
                                            std::memory_order_release);
    }
    begun_in_second_.store(0, std::memory_order_release);
    second_.store(second, std::memory_order_release);
}

// --- readers ---

template <class Read>
auto Series::at_one_moment(bool may_wait, Read read) const noexcept {
    const int most_tries = may_wait ? brisk_tries + rested_tries : brisk_tries;
    for (int tries = 0; tries < most_tries; ++tries) {
        const std::uint32_t before = version_.load(std::memory_order_acquire);
        if (before % 2 == 0) {
            const auto result = read();
            if (version_.load(std::memory_order_relaxed) == before) return result;
        }
        if (tries >= brisk_tries) {
            std::this_thread::sleep_for(rest);
        } else if (tries % 8 == 7) {
            std::this_thread::yield();
        }
    }
    return read();
}

Counts Series::counts() const noexcept {
    return at_one_moment(true, [this] { return copy(); });
}

std::uint64_t Series::begun_between(std::uint32_t first, std::uint32_t last) const noexcept {
    return at_one_moment(false, [=, this] {
        const std::uint32_t newest = second_.load(std::memory_order_acquire);
        std::uint64_t total = 0;
        for (std::uint32_t second = first; second != last + 1; ++second) {
            if (second == newest)
                total += begun_in_second_.load(std::memory_order_acquire);
            else if (newest - second < ring_seconds)
                total += begun_[second % ring_seconds].load(std::memory_order_acquire);
        }
        return total;
    });
}

Counts Series::copy() const noexcept {
    constexpr auto acquire = std::memory_order_acquire;
    Counts counts{.received = received_.load(acquire),
                  .completed = completed_.load(acquire),
                  .rejected = rejected_.load(acquire),
                  .aborted = aborted_.load(acquire),
                  .active = active_.load(acquire),
                  .queued = queued_.load(acquire),
                  .queued_for_auth = queued_for_auth_.load(acquire),
                  .retries = retries_.load(acquire),
                  .tunnelled = tunnelled_.load(acquire),
                  .unmeasured = unmeasured_.load(acquire),
                  .bytes_in = bytes_in_.load(acquire),
                  .bytes_out = bytes_out_.load(acquire)};
    for (std::size_t i = 0; i < status_.size(); ++i) counts.status[i] = status_[i].load(acquire);
    for (std::size_t i = 0; i < errors_.size(); ++i) counts.errors[i] = errors_[i].load(acquire);
    return counts;
}

}  // namespace penstock::snapshot
