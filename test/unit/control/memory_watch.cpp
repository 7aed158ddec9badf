// When load is shed, and when no longer: by what is measured, without a process that is short of
// memory.
#include "control/memory_watch.hpp"

#include <memory>

#include <catch2/catch_test_macros.hpp>

#include "base/log.hpp"
#include "control/memory_use.hpp"

using namespace penstock;
using namespace penstock::control;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t bound = 1'000'000;

struct Fixture {
    Fixture() {
        configure_log(LogLevel::off, LogFormat::text);
        auto made = io::Ring::create(io::Engine::epoll);
        REQUIRE(made);
        ring = std::move(*made);
        watch = std::make_unique<MemoryWatch>(
            *ring, bound, totals, [this] { return used; }, [this] { ++relieved; });
    }
    ~Fixture() { configure_log(LogLevel::info, LogFormat::text); }
    bool sheds(std::uint64_t now_used, milliseconds later = milliseconds(50)) {
        used = now_used;
        now += later;
        watch->look(now);
        return totals.shedding.is_on();
    }
    void connect(int count) {
        totals.by_worker[0].connections_opened.fetch_add(static_cast<std::uint64_t>(count));
    }
    void leave(int count) {
        totals.by_worker[0].connections_closed.fetch_add(static_cast<std::uint64_t>(count));
    }

    snapshot::Totals totals{1};
    std::unique_ptr<io::Ring> ring;
    std::unique_ptr<MemoryWatch> watch;
    TimePoint now = Clock::now();
    std::uint64_t used = 0;
    int relieved = 0;
};

}  // namespace

TEST_CASE("load is shed from nine tenths of the bound until there are less than eight") {
    Fixture fixture;
    fixture.connect(1);
    CHECK_FALSE(fixture.sheds(899'999));
    CHECK(fixture.sheds(900'000));
    CHECK(fixture.sheds(850'000));
    CHECK(fixture.sheds(800'000));
    CHECK_FALSE(fixture.sheds(799'999));
    CHECK_FALSE(fixture.sheds(850'000));
    CHECK(fixture.sheds(950'000));
    CHECK(fixture.totals.shedding.episodes() == 2);
}

TEST_CASE("who holds what is free is asked at once, and then once a second") {
    Fixture fixture;
    fixture.connect(1);
    fixture.sheds(500'000);
    CHECK(fixture.relieved == 0);
    for (int i = 0; i <= 60; ++i) fixture.sheds(950'000);
    CHECK(fixture.relieved == 4);
}

TEST_CASE("with nobody left to turn away, what is in use becomes the ground to count from") {
    Fixture fixture;
    fixture.connect(3);
    CHECK(fixture.sheds(950'000));
    CHECK(fixture.sheds(950'000, std::chrono::seconds(10)));
    fixture.leave(3);
    CHECK(fixture.sheds(950'000, milliseconds(1'000)));
    CHECK_FALSE(fixture.sheds(950'000, milliseconds(1'100)));
    fixture.connect(1);
    CHECK_FALSE(fixture.sheds(1'000'000));
    CHECK(fixture.sheds(1'060'000));
    CHECK_FALSE(fixture.sheds(990'000));
    // Once that has gone, the bound is what it was.
    CHECK_FALSE(fixture.sheds(700'000));
    CHECK(fixture.sheds(900'000));
}

TEST_CASE("the bound is what is said, or what there is") {
    CHECK(memory_bound(std::uint64_t{123'456}).bytes == 123'456);
    CHECK(memory_bound(std::uint64_t{0}).bytes == 0);
    CHECK(memory_bound(std::nullopt).bytes > 64 * 1024 * 1024);
    const MemoryBound found = memory_bound(std::nullopt);
    const MemoryUse use(found);
    CHECK(use.read() > 1024 * 1024);
    CHECK(use.read() < std::uint64_t{1} << 46);
}
