#include "control/memory_watch.hpp"

#include <utility>

#include <malloc.h>

namespace penstock::control {

namespace {

constexpr Duration calm_period = std::chrono::milliseconds(250);
constexpr Duration tense_period = std::chrono::milliseconds(50);
constexpr Duration relief_period = std::chrono::seconds(1);
/// With nobody connected for so long, what is in use is ours and will not become less.
constexpr Duration patience = std::chrono::seconds(2);

constexpr std::uint64_t parts_of(std::uint64_t bound, std::uint64_t hundredths) noexcept {
    return bound / 100 * hundredths;
}

}  // namespace

MemoryWatch::MemoryWatch(io::Ring& ring, std::uint64_t bound, snapshot::Totals& totals,
                         Measure measure, Relieve relieve)
    : ring_(ring),
      bound_(bound),
      high_(parts_of(bound, 90)),
      low_(parts_of(bound, 80)),
      totals_(totals),
      measure_(std::move(measure)),
      relieve_(std::move(relieve)) {}

MemoryWatch::~MemoryWatch() {
    ring_.timers().disarm(next_);
}

void MemoryWatch::start() {
    if (bound_ != 0) ring_.timers().arm(next_, ring_.now() + calm_period);
}

void MemoryWatch::Look::due(io::Timer& timer) {
    MemoryWatch& watch = static_cast<Look&>(timer).watch;
    io::Ring& ring = watch.ring_;
    const bool is_tense = watch.look(ring.now()) > watch.bound_ / 2;
    ring.timers().arm(timer, ring.now() + (is_tense ? tense_period : calm_period));
}

std::uint64_t MemoryWatch::look(TimePoint now) {
    const std::uint64_t used = measure_();
    if (used < parts_of(bound_, 80)) {  // what once was there for good has gone
        high_ = parts_of(bound_, 90);
        low_ = parts_of(bound_, 80);
    }
    if (!totals_.shedding.is_on()) {
        if (used >= high_) shed(used, now);
        return used;
    }
    if (is_anybody_there()) since_ = now;
    if (used < low_) {
        recover(used, "there is memory again");
    } else if (now - since_ >= patience) {
        // It would else turn everybody away for good. What comes on top counts from here.
        high_ = used + parts_of(bound_, 10);
        low_ = used + parts_of(bound_, 5);
        recover(used, "nobody is left to turn away: what is configured takes that much");
    } else if (now - relieved_ >= relief_period) {
        shed(used, now);
    }
    return used;
}

/// Begins to, or goes on.
void MemoryWatch::shed(std::uint64_t used, TimePoint now) {
    if (!totals_.shedding.is_on()) {
        totals_.shedding.turn(true);
        since_ = now;
    }
    relieved_ = now;
    if (complaints_.allows(now)) {
        log(LogLevel::error, "memory runs short: requests are turned away",
            {{"usedBytes", used}, {"boundBytes", bound_}});
    }
    relieve_();
    ::malloc_trim(0);
}

void MemoryWatch::recover(std::uint64_t used, const char* why) {
    totals_.shedding.turn(false);
    log(LogLevel::warn, "requests are taken again",
        {{"reason", why}, {"usedBytes", used}, {"boundBytes", bound_}});
}

bool MemoryWatch::is_anybody_there() const noexcept {
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;
    for (const auto& worker : totals_.by_worker) {
        closed += worker.connections_closed.load(std::memory_order_relaxed);
        opened += worker.connections_opened.load(std::memory_order_relaxed);
    }
    return opened > closed;
}

}  // namespace penstock::control
