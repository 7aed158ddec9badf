// EventFeed: what a stream is made of, event by event, and where it begins.
#include "control/event_feed.hpp"

#include <catch2/catch_test_macros.hpp>

#include "control/event_text.hpp"
#include "fixture.hpp"

using namespace penstock;
using namespace penstock::control;

namespace {

io::Task<void> read_one(ResponseStream& stream, std::string& into, bool& goes_on, bool& done) {
    goes_on = co_await stream.next(into);
    done = true;
}

class FeedFixture : public ApiFixture {
  public:
    /// The next piece; its end where `stream` ends with it.
    std::string read(ResponseStream& stream, bool* goes_on = nullptr) {
        std::string text;
        bool more = false;
        bool done = false;
        io::spawn(read_one(stream, text, more, done));
        ring->run_until([&] { return done; });
        if (goes_on != nullptr) *goes_on = more;
        return text;
    }
    void tell(std::string v_host) {
        RouteCreated event;
        event.v_host = std::move(v_host);
        events.publish(event);
    }
    static std::string id_in(const std::string& text) {
        const auto at = text.find("id: ") + 4;
        return text.substr(at, text.find('\n', at) - at);
    }
};

EventPosition position(const std::string& text) {
    const auto parsed = parse_event_position(text);
    REQUIRE(parsed.has_value());
    return *parsed;
}

}  // namespace

TEST_CASE("positions are read as they are written, and nothing else is one", "[control]") {
    const EventPosition one{0x18c2f3a1b2, 17};
    CHECK(to_string(one) == "18c2f3a1b2-17");
    CHECK(parse_event_position("18c2f3a1b2-17") == one);
    for (const char* text : {"", "-", "1-", "-1", "g-1", "1-x", "1-1 ", " 1-1", "1--1", "1-1-1",
                             "1-18446744073709551616", "10000000000000000-1", "0x1-1"}) {
        CAPTURE(text);
        CHECK(!parse_event_position(text));
    }
}

TEST_CASE("an event is one block, whatever its strings hold", "[control]") {
    BackendDead dead;
    dead.sequence = 5;
    dead.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'500));
    dead.v_host = "a.example";
    dead.id = "b\n\ndata: x\"";
    dead.authority = "10.0.0.1:80";
    dead.address = "10.0.0.1:80";
    dead.reason = "refused\r\n";
    CHECK(event_block(0xab, dead) ==
          "id: ab-5\nevent: backend.dead\ndata: "
          "{\"sequence\":5,\"time\":\"1970-01-01T00:00:01.500Z\","
          "\"vHost\":\"a.example\",\"id\":\"b\\n\\ndata: x\\\"\",\"authority\":\"10.0.0.1:80\","
          "\"address\":\"10.0.0.1:80\",\"reason\":\"refused\\r\\n\"}\n\n");
    CertificateChanged changed;
    changed.sequence = 6;
    changed.domain = "*.example";
    changed.key_kind = "ECDSA";
    changed.fingerprint = "00ff";
    CHECK(event_block(1, changed) ==
          "id: 1-6\nevent: certificate.changed\ndata: {\"sequence\":6,"
          "\"time\":\"1970-01-01T00:00:00.000Z\",\"domain\":\"*.example\",\"keyKind\":\"ECDSA\","
          "\"fingerprint\":\"00ff\",\"notAfter\":\"1970-01-01T00:00:00.000Z\"}\n\n");
}

TEST_CASE_METHOD(FeedFixture, "a stream opens with its place, then tells what happens",
                 "[control]") {
    tell("before.example");
    const auto stream = feed.follow({});
    const std::string opening = read(*stream);
    CHECK(opening.starts_with("retry: 1000\nid: "));
    CHECK(position(id_in(opening)).sequence == 1);
    CHECK(opening.find("before.example") == std::string::npos);
    tell("a.example");
    tell("b.example");
    const std::string text = read(*stream);
    CHECK(text.find("a.example") < text.find("b.example"));
    CHECK(position(id_in(text)).sequence == 2);
}

TEST_CASE_METHOD(FeedFixture, "what was missed comes; what is not kept any more is named",
                 "[control]") {
    const std::string opening = read(*feed.follow({}));
    const std::string start = id_in(opening);
    for (int i = 0; i < 3; ++i) tell("early.example");
    const auto boot = position(start).boot;
    const std::string missed = read(*feed.follow({.last_seen = to_string({boot, 1})}));
    CHECK(missed.find("early.example") != std::string::npos);
    CHECK(missed.find("\"sequence\":1,") == std::string::npos);
    CHECK(missed.find("\"sequence\":2,") < missed.find("\"sequence\":3,"));

    for (std::size_t i = 0; i < EventFeed::most_kept; ++i) tell("late.example");
    const std::string lost = read(*feed.follow({.last_seen = start}));
    CHECK(lost.find("event: events.lost\ndata: {\"reason\":\"overrun\",\"from\":1,\"to\":3}") !=
          std::string::npos);
    CHECK(lost.find("\"sequence\":4,") != std::string::npos);
    CHECK(lost.find("early.example") == std::string::npos);

    const std::string restart = read(*feed.follow({.last_seen = "1-1"}));
    CHECK(restart.find("\"reason\":\"restart\",\"from\":1,\"to\":4099,\"lastEventId\":\"1-1\"}") !=
          std::string::npos);
    CHECK(restart.find("route.created") == std::string::npos);
}

TEST_CASE_METHOD(FeedFixture, "long events are kept by their bytes", "[control]") {
    const std::string start = id_in(read(*feed.follow({})));
    const std::string long_name(4'000, 'x');
    for (int i = 0; i < 1'000; ++i) tell(long_name);
    const std::string lost = read(*feed.follow({.last_seen = start}));
    CHECK(lost.find("events.lost") != std::string::npos);
    CHECK(lost.size() < 64 * 1024);
}

TEST_CASE_METHOD(FeedFixture, "there is room for so many, and it comes back", "[control]") {
    std::vector<std::shared_ptr<ResponseStream>> streams;
    for (std::size_t i = 0; i < EventFeed::most_streams; ++i) streams.push_back(feed.follow({}));
    CHECK(feed.streams() == EventFeed::most_streams);
    CHECK(feed.follow({}) == nullptr);
    const ApiResponse refused = ask("GET", "/api/v1/events");
    CHECK(status(refused) == 503);
    CHECK(field(refused, "Retry-After") == "10");
    streams.pop_back();
    CHECK(feed.follow({}) != nullptr);
}

TEST_CASE_METHOD(FeedFixture, "an end is told with what had happened before it", "[control]") {
    const auto stream = feed.follow({});
    read(*stream);
    tell("last.example");
    feed.close();
    bool goes_on = true;
    const std::string text = read(*stream, &goes_on);
    CHECK(text.find("last.example") != std::string::npos);
    CHECK(!goes_on);
    read(*feed.follow({}), &goes_on);
    CHECK(!goes_on);
}

TEST_CASE_METHOD(FeedFixture, "events are answered as a stream, to who accepts one", "[control]") {
    const ApiResponse response = ask("GET", "/api/v1/events");
    CHECK(status(response) == 200);
    CHECK(response.content_type == "text/event-stream");
    CHECK(response.stream != nullptr);
    CHECK(status(ask("DELETE", "/api/v1/events")) == 405);
    CHECK(status(ask("GET", "/api/v1/events?since=1")) == 400);
    const auto accepting = [&](const char* accept) {
        return status(ask_with("GET", "/api/v1/events", "",
                               [&](ApiRequest& request) { request.accept = accept; }));
    };
    for (const char* accept : {"text/event-stream", "Text/Event-Stream; charset=utf-8", "text/*",
                               "*/*", "text/html, */*;q=0.1", "text/event-stream;q=0.001"}) {
        CAPTURE(accept);
        CHECK(accepting(accept) == 200);
    }
    for (const char* accept :
         {"application/json", "text/event-stream;q=0", "text/event-stream; Q=0.00, */*",
          "text/*;q=0, */*", "image/*", "*/*;q=0"}) {
        CAPTURE(accept);
        CHECK(accepting(accept) == 406);
    }
}
