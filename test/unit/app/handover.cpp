// The channel between a process and the one that takes its place.
#include "app/handover.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/clock.hpp"

using namespace penstock;
using app::HandoverChannel;
using Heard = app::HandoverChannel::Heard;

TEST_CASE("what was said before an end that had not listened is heard first", "[app]") {
    HandoverChannel ours;
    HandoverChannel theirs;
    REQUIRE(HandoverChannel::make(ours, theirs));
    REQUIRE(ours.send("all"));
    const bool reads = GENERATE(true, false);
    HandoverChannel::Message message;
    if (reads) REQUIRE(theirs.receive(message, Clock::now()) == Heard::message);
    REQUIRE(theirs.send("failed", "why it did"));
    theirs.close();
    REQUIRE(ours.receive(message, Clock::now()) == Heard::message);
    CHECK(message.word == "failed");
    CHECK(message.text == "why it did");
    CHECK(ours.receive(message, Clock::now()) == Heard::end);
    CHECK_FALSE(ours.send("go"));
}
