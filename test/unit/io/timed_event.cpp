// TimedEvent: what has been set is remembered, what is too late is told, and one wait's outcome is
// not the next one's.
#include "io/timed_event.hpp"

#include "fixture.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;
using std::chrono::milliseconds;

namespace {

struct Waited {
    bool done = false;
    bool in_time = false;
};

Task<void> wait_for(TimedEvent& event, TimePoint deadline, Waited& waited) {
    waited.in_time = co_await event.wait(deadline);
    waited.done = true;
}

void start_wait(TimedEvent& event, Waited& waited, TimePoint deadline = never) {
    waited = {};
    spawn(wait_for(event, deadline, waited));
}

struct EventFixture {
    std::unique_ptr<Ring> ring = make_ring(Engine::epoll);
    TimedEvent event{*ring};
    Waited waited;

    /// For a while: nothing may come of it.
    void turn_for(Duration duration) {
        const TimePoint end = Clock::now() + duration;
        while (Clock::now() < end) {
            ring->wait(end);
            ring->run_ready();
        }
    }
    void turn_until_done() {
        run_until(*ring, [&] { return waited.done; });
    }
};

}  // namespace

TEST_CASE_METHOD(EventFixture, "a timed event that was set before is waited for once") {
    event.set();
    event.set();
    start_wait(event, waited);
    CHECK(waited.done);
    CHECK(waited.in_time);

    start_wait(event, waited);
    CHECK_FALSE(waited.done);
    CHECK(event.has_waiter());
    event.set();
    CHECK_FALSE(waited.done);  // whoever sets goes on first
    turn_until_done();
    CHECK(waited.in_time);
    CHECK_FALSE(event.has_waiter());
}

TEST_CASE_METHOD(EventFixture, "a timed event that was set waits for no deadline, past or not") {
    event.set();
    start_wait(event, waited, ring->now() - milliseconds(1));
    CHECK(waited.done);
    CHECK(waited.in_time);
}

TEST_CASE_METHOD(EventFixture, "a timed event's deadline ends one wait, not the next") {
    const TimePoint deadline = ring->now() + milliseconds(10);
    start_wait(event, waited, deadline);
    turn_until_done();
    CHECK_FALSE(waited.in_time);
    CHECK(ring->now() >= deadline);

    start_wait(event, waited);
    turn_for(milliseconds(20));
    CHECK_FALSE(waited.done);
    event.set();
    turn_until_done();
    CHECK(waited.in_time);
}

TEST_CASE_METHOD(EventFixture, "a timed event that is set in time leaves no timer behind") {
    start_wait(event, waited, ring->now() + milliseconds(10));
    event.set();
    turn_until_done();
    CHECK(waited.in_time);
    start_wait(event, waited);
    turn_for(milliseconds(20));
    CHECK_FALSE(waited.done);
    event.set();
    turn_until_done();
}

namespace {

struct Setter : Timer {
    explicit Setter(TimedEvent& e) noexcept
        : Timer([](Timer& timer) { static_cast<Setter&>(timer).event.set(); }), event(e) {}
    TimedEvent& event;
};

}  // namespace

TEST_CASE_METHOD(EventFixture, "set and too late in one turn counts as set, whichever came first") {
    const bool set_first = GENERATE(true, false);
    const TimePoint both = ring->now() + milliseconds(5);
    Setter setter(event);
    if (set_first) ring->timers().arm(setter, both);
    start_wait(event, waited, both);
    if (!set_first) ring->timers().arm(setter, both);
    turn_until_done();
    CHECK(waited.in_time);
    // Nothing of it is left for the next wait.
    start_wait(event, waited, ring->now() + milliseconds(5));
    CHECK_FALSE(waited.done);
    turn_until_done();
    CHECK_FALSE(waited.in_time);
}

TEST_CASE_METHOD(EventFixture, "a timed event's deadline can be moved, taken away and given") {
    event.move_deadline(ring->now());  // nobody waits: nothing to move
    start_wait(event, waited, ring->now() + milliseconds(5));
    event.move_deadline(never);
    turn_for(milliseconds(20));
    CHECK_FALSE(waited.done);
    const TimePoint later = ring->now() + milliseconds(20);
    event.move_deadline(ring->now() + std::chrono::hours(1));
    event.move_deadline(later);
    turn_until_done();
    CHECK_FALSE(waited.in_time);
    CHECK(ring->now() >= later);
}

TEST_CASE("a timed event may die with a timer that nobody waits for any more") {
    auto ring = make_ring(Engine::epoll);
    Waited waited;
    {
        TimedEvent event(*ring);
        start_wait(event, waited, ring->now() + milliseconds(1));
        event.set();
        run_until(*ring, [&] { return waited.done; });
        start_wait(event, waited);
        event.set();
        run_until(*ring, [&] { return waited.done; });
    }
    CHECK(waited.in_time);
    ring->wait(ring->now() + milliseconds(5));
    ring->run_ready();
}
