#include "snapshot/failure_times.hpp"

#include <bit>
#include <limits>
#include <new>

namespace penstock::snapshot {

namespace {

using Tick = TimePoint::rep;

/// Before any moment that is noted.
constexpr Tick nothing = std::numeric_limits<Tick>::min();

}  // namespace

struct FailureTimes::Ring {
    std::uint32_t size = 0;  // a power of two
    Ring* older = nullptr;
    std::atomic<std::uint32_t> next{0};
    std::unique_ptr<std::atomic<Tick>[]> ticks {};
};

FailureTimes::~FailureTimes() {
    for (Ring* ring = newest_.load(); ring != nullptr;) {
        Ring* const older = ring->older;
        delete ring;
        ring = older;
    }
}

/// The newest ring, of at least `size`; null where memory is out.
FailureTimes::Ring* FailureTimes::ring_of(std::uint32_t size) noexcept {
    Ring* newest = newest_.load();
    if (newest != nullptr && newest->size >= size) return newest;
    std::unique_ptr<Ring> made(new (std::nothrow) Ring);
    if (!made) return nullptr;
    made->size = std::bit_ceil(size);
    made->ticks.reset(new (std::nothrow) std::atomic<Tick>[made->size]);
    if (!made->ticks) return nullptr;
    for (std::uint32_t i = 0; i < made->size; ++i) made->ticks[i].store(nothing);
    while (newest == nullptr || newest->size < size) {
        made->older = newest;
        if (newest_.compare_exchange_strong(newest, made.get())) return made.release();
    }
    return newest;  // another thread was faster
}

void FailureTimes::note(TimePoint when, std::uint32_t kept) noexcept {
    Ring* const ring = ring_of(kept);
    if (ring == nullptr) return;
    std::atomic<Tick>& place = ring->ticks[ring->next.fetch_add(1) & (ring->size - 1)];
    const Tick tick = when.time_since_epoch().count();
    Tick before = place.load();
    // A thread that was held up a whole round of the ring does not put an old moment over a new
    // one.
    while (before < tick && !place.compare_exchange_weak(before, tick)) {
    }
}

std::uint32_t FailureTimes::count_since(TimePoint start) const noexcept {
    const Tick first = start.time_since_epoch().count();
    std::uint32_t count = 0;
    for (const Ring* ring = newest_.load(); ring != nullptr; ring = ring->older) {
        for (std::uint32_t i = 0; i < ring->size; ++i) {
            if (ring->ticks[i].load() > first) ++count;
        }
    }
    return count;
}

void FailureTimes::clear() noexcept {
    for (Ring* ring = newest_.load(); ring != nullptr; ring = ring->older) {
        for (std::uint32_t i = 0; i < ring->size; ++i) ring->ticks[i].store(nothing);
    }
}

}  // namespace penstock::snapshot
