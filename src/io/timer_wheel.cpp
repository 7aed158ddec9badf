#include "io/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace penstock::io {

namespace {
using std::chrono::milliseconds;
}

TimerWheel::~TimerWheel() {
    for (Level& level : level_) {
        for (auto& slot : level.slot) {
            while (slot.pop_front() != nullptr) {
            }
        }
    }
}

std::uint64_t TimerWheel::tick_of(TimePoint when) const noexcept {
    if (when <= start_) return 0;
    // Rounded up: a timer may be late by a tick, never early.
    return static_cast<std::uint64_t>(std::chrono::ceil<milliseconds>(when - start_).count());
}

void TimerWheel::arm(Timer& timer, TimePoint when) noexcept {
    timer.unlink();
    timer.expiry_tick_ = std::max(tick_of(when), current_ + 1);
    insert(timer);
}

void TimerWheel::disarm(Timer& timer) noexcept {
    timer.unlink();
}

void TimerWheel::insert(Timer& timer) noexcept {
    const std::uint64_t differing = (timer.expiry_tick_ ^ current_) | (slots - 1);
    const int level = std::min((63 - std::countl_zero(differing)) / slot_bits, levels - 1);
    const std::uint64_t slot = (timer.expiry_tick_ >> (slot_bits * level)) & (slots - 1);
    level_[level].slot[slot].push_back(timer);
    level_[level].occupied |= std::uint64_t{1} << slot;
}

std::uint64_t TimerWheel::next_tick() const noexcept {
    std::uint64_t earliest = no_tick;
    for (int level = 0; level < levels; ++level) {
        const int shift = slot_bits * level;
        const std::uint64_t here = (current_ >> shift) & (slots - 1);
        // Only slots ahead of the present one can be occupied; the top level alone may hold later
        // rounds.
        const std::uint64_t ahead =
            here == slots - 1 ? 0 : level_[level].occupied & (~std::uint64_t{0} << (here + 1));
        if (ahead == 0) continue;
        const auto slot = static_cast<std::uint64_t>(std::countr_zero(ahead));
        const std::uint64_t round = current_ >> shift >> slot_bits << slot_bits << shift;
        earliest = std::min(earliest, round | slot << shift);
    }
    return earliest;
}

TimePoint TimerWheel::next_expiry() const noexcept {
    const std::uint64_t tick = next_tick();
    return tick == no_tick ? never : start_ + milliseconds(tick);
}

void TimerWheel::cascade(int level) noexcept {
    const std::uint64_t slot = (current_ >> (slot_bits * level)) & (slots - 1);
    level_[level].occupied &= ~(std::uint64_t{1} << slot);
    IntrusiveList<Timer> moving;
    moving.splice_back(level_[level].slot[slot]);
    while (Timer* timer = moving.pop_front()) insert(*timer);
}

void TimerWheel::advance(TimePoint now) {
    const std::uint64_t target =
        now <= start_ ? 0 : static_cast<std::uint64_t>((now - start_) / milliseconds(1));
    while (current_ < target) {
        const std::uint64_t next = next_tick();
        if (next > target) {
            current_ = target;
            return;
        }
        current_ = next;
        for (int level = levels - 1; level > 0; --level) {
            const std::uint64_t below = (std::uint64_t{1} << (slot_bits * level)) - 1;
            if ((current_ & below) == 0) cascade(level);
        }
        const std::uint64_t slot = current_ & (slots - 1);
        level_[0].occupied &= ~(std::uint64_t{1} << slot);
        IntrusiveList<Timer> due;
        due.splice_back(level_[0].slot[slot]);
        while (Timer* timer = due.pop_front()) timer->callback_(*timer);
    }
}

}  // namespace penstock::io
