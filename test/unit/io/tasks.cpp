// Task, both(), spawn, Event, sleep and the frame pool.
#include <string>
#include <vector>

#include "base/sanitizers.hpp"
#include "fixture.hpp"
#include "io/both.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;
using std::chrono::milliseconds;

namespace {

Task<int> leaf(int value) {
    co_return value;
}

Task<long> sum_of(int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i) {
        const int value = co_await leaf(1);
        sum += value;
    }
    co_return sum;
}

Task<void> keep_sum(int count, long& sum) {
    sum = co_await sum_of(count);
}

Task<void> sleep_then_note(Ring& ring, Duration duration, std::string& notes, char note) {
    co_await ring.sleep(duration);
    notes += note;
}

Task<void> run_both(Ring& ring, Duration first, Duration second, std::string& notes) {
    Task<void> a = sleep_then_note(ring, first, notes, 'a');
    Task<void> b = sleep_then_note(ring, second, notes, 'b');
    co_await both(a, b);
    notes += '.';
}

Task<void> wait_for(Event& event, int& woken) {
    co_await event.wait();
    ++woken;
}

}  // namespace

TEST_CASE("a million children that never suspend use no stack") {
    long sum = 0;
    spawn(keep_sum(1'000'000, sum));
    CHECK(sum == 1'000'000);
}

TEST_CASE("both resumes its parent after the second child, whichever that is") {
    auto ring = make_ring(each_engine());
    std::string notes;
    const auto [first, second, expected] = GENERATE(table<int, int, std::string>(
        {{20, 1, "ba."}, {1, 20, "ab."}, {0, 0, "ab."}, {0, 5, "ab."}, {5, 0, "ba."}}));
    spawn(run_both(*ring, milliseconds(first), milliseconds(second), notes));
    run_until(*ring, [&] { return notes.ends_with('.'); });
    CHECK(notes == expected);
}

TEST_CASE("an event remembers that it was set") {
    auto ring = make_ring(each_engine());
    Event event(*ring);
    int woken = 0;
    event.set();
    spawn(wait_for(event, woken));
    CHECK(woken == 1);
    event.reset();
    spawn(wait_for(event, woken));
    CHECK(woken == 1);
    event.set();
    run_until(*ring, [&] { return woken == 2; });
}

TEST_CASE("frames are used again, and trim gives them back") {
    void* const first = FramePool::allocate(200);
    FramePool::release(first, 200);
    void* const second = FramePool::allocate(256);  // the same class of 128-byte steps
    if (!PENSTOCK_ASAN) CHECK(second == first);
    FramePool::release(second, 256);
    FramePool::trim();
}
