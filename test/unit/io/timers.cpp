// The timer wheel against a plain sorted model, and at its edges.
#include <map>
#include <memory>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "base/random.hpp"
#include "io/timer_wheel.hpp"

using namespace penstock;
using namespace penstock::io;
using std::chrono::milliseconds;

namespace {

struct Counted : Timer {
    Counted() : Timer([](Timer& timer) { ++static_cast<Counted&>(timer).fired; }) {}
    int fired = 0;
    TimePoint due{};
};

}  // namespace

TEST_CASE("a timer fires once, never early, at most a tick late") {
    const TimePoint start = Clock::now();
    for (const int ms : {1, 2, 63, 64, 65, 127, 4095, 4096, 4097, 262'143, 262'144, 5'000'000}) {
        TimerWheel wheel(start);
        Counted timer;
        wheel.arm(timer, start + milliseconds(ms));
        wheel.advance(start + milliseconds(ms) - std::chrono::microseconds(1));
        CHECK(timer.fired == 0);
        CHECK(wheel.next_expiry() <= start + milliseconds(ms));
        wheel.advance(start + milliseconds(ms));
        CHECK(timer.fired == 1);
        CHECK_FALSE(timer.is_armed());
        CHECK(wheel.next_expiry() == never);
    }
}

TEST_CASE("arming again moves a timer, disarming forgets it, the past is the next tick") {
    const TimePoint start = Clock::now();
    TimerWheel wheel(start);
    Counted timer;
    wheel.arm(timer, start + milliseconds(10));
    wheel.arm(timer, start + milliseconds(500));
    wheel.advance(start + milliseconds(499));
    CHECK(timer.fired == 0);
    wheel.disarm(timer);
    wheel.advance(start + milliseconds(1'000));
    CHECK(timer.fired == 0);
    wheel.arm(timer, start);
    wheel.advance(start + milliseconds(1'001));
    CHECK(timer.fired == 1);
}

TEST_CASE("ten thousand random timers fire when a sorted model says") {
    Random random(42);
    const TimePoint start = Clock::now();
    TimerWheel wheel(start);
    std::vector<std::unique_ptr<Counted>> timers;
    TimePoint now = start;
    for (int step = 0; step < 10'000; ++step) {
        auto timer = std::make_unique<Counted>();
        const auto reach = std::uint64_t{1} << random.below(22);
        timer->due = now + milliseconds(1 + random.below(reach));
        wheel.arm(*timer, timer->due);
        timers.push_back(std::move(timer));
        if (random.below(4) == 0 && !timers.empty()) {
            Counted& victim = *timers[random.below(timers.size())];
            if (victim.is_armed()) {
                wheel.disarm(victim);
                victim.due = TimePoint::min();
            }
        }
        now += milliseconds(random.below(200));
        wheel.advance(now);
    }
    for (const auto& timer : timers) {
        const bool due = timer->due != TimePoint::min() && timer->due <= now;
        if (timer->fired != (due ? 1 : 0)) FAIL("a timer fired at the wrong time");
        wheel.disarm(*timer);
    }
}
