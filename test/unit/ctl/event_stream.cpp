#include "ctl/event_stream.hpp"

#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace penstock::ctl;

namespace {

struct Heard {
    std::vector<ServerEvent> events;
    EventStream stream{[this](const ServerEvent& event) { events.push_back(event); }};
};

}  // namespace

TEST_CASE("events are heard whatever pieces they come in", "[ctl]") {
    const std::string text =
        ": a comment\r\nretry: 250\n\nid: p-1\nevent: backend.dead\ndata: {\"a\":1}\n\n"
        "data:first\ndata:second\nunknown: x\nid: p-2\r\r";
    const std::size_t size = GENERATE(1U, 2U, 7U, 1'000U);
    CAPTURE(size);
    Heard heard;
    for (std::size_t at = 0; at < text.size(); at += size)
        REQUIRE(heard.stream.take(std::string_view(text).substr(at, size)));
    REQUIRE(heard.events.size() == 2);
    CHECK(heard.events[0].id == "p-1");
    CHECK(heard.events[0].type == "backend.dead");
    CHECK(heard.events[0].data == "{\"a\":1}");
    CHECK(heard.events[1].type == "message");
    CHECK(heard.events[1].data == "first\nsecond");
    CHECK(heard.stream.last_id() == "p-2");
    CHECK(heard.stream.retry() == std::chrono::milliseconds(250));
}

TEST_CASE("an id without data counts for coming back", "[ctl]") {
    Heard heard;
    heard.stream.take("id: p-41\n\n");
    CHECK(heard.events.empty());
    CHECK(heard.stream.last_id() == "p-41");
}

TEST_CASE("an event that was cut off is none, and its id does not count", "[ctl]") {
    Heard heard;
    heard.stream.take("id: p-1\ndata: a\n\nid: p-2\nevent: x\ndata: lost");
    heard.stream.restart();
    CHECK(heard.stream.last_id() == "p-1");
    heard.stream.take("data: b\n\n");
    REQUIRE(heard.events.size() == 2);
    CHECK(heard.events[1].data == "b");
    CHECK(heard.events[1].type == "message");
    CHECK(heard.events[1].id == "p-1");
}

TEST_CASE("how long to wait is bounded, whatever the server says", "[ctl]") {
    Heard heard;
    heard.stream.take("retry: 0\n");
    CHECK(heard.stream.retry() == std::chrono::milliseconds(100));
    heard.stream.take("retry: 999999999\nretry: soon\n");
    CHECK(heard.stream.retry() == std::chrono::milliseconds(100));
}

TEST_CASE("a line without end is not kept", "[ctl]") {
    Heard heard;
    const std::string piece(64 * 1'024, 'x');
    bool goes_on = true;
    for (int i = 0; i < 17 && goes_on; ++i) goes_on = heard.stream.take(piece);
    CHECK_FALSE(goes_on);
}
