#include "base/event_bus.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using penstock::EventBus;
using penstock::Subscription;

namespace {

struct Opened {
    int number;
};
struct Closed {
    int number;
};
struct Incomplete;

using Bus = EventBus<Opened, Closed>;
using Heard = std::vector<std::string>;

/// Notes what it hears under its name.
auto noting(Heard& heard, std::string name) {
    return [&heard, name](const Opened& event) {
        heard.push_back(name + std::to_string(event.number));
    };
}

}  // namespace

TEST_CASE("an event goes to those who asked for its type, in the order they came", "[base]") {
    Bus bus;
    Heard heard;
    const Subscription first = bus.subscribe<Opened>(noting(heard, "a"));
    const Subscription second = bus.subscribe<Opened>(noting(heard, "b"));
    const Subscription other = bus.subscribe<Closed>(
        [&](const Closed& event) { heard.push_back("closed" + std::to_string(event.number)); });
    bus.publish(Opened{1});
    bus.publish(Closed{2});
    CHECK(heard == Heard{"a1", "b1", "closed2"});
}

TEST_CASE("a bus knows whether anyone listens, for each type", "[base]") {
    Bus bus;
    CHECK_FALSE(bus.has_subscribers<Opened>());
    bus.publish(Opened{1});
    Subscription subscription = bus.subscribe<Opened>([](const Opened&) {});
    CHECK(bus.has_subscribers<Opened>());
    CHECK_FALSE(bus.has_subscribers<Closed>());
    subscription.end();
    CHECK_FALSE(bus.has_subscribers<Opened>());
    subscription.end();  // does nothing twice
    CHECK_FALSE(bus.has_subscribers<Opened>());
}

TEST_CASE("a subscription ends with its object, and moves", "[base]") {
    Bus bus;
    Heard heard;
    {
        Subscription outer;
        {
            Subscription inner = bus.subscribe<Opened>(noting(heard, "a"));
            outer = std::move(inner);
        }
        bus.publish(Opened{1});
        const Subscription moved(std::move(outer));
        bus.publish(Opened{2});
        outer = bus.subscribe<Opened>(noting(heard, "b"));
        outer = bus.subscribe<Opened>(noting(heard, "c"));  // ends the one that it held
        bus.publish(Opened{3});
    }
    bus.publish(Opened{4});
    CHECK(heard == Heard{"a1", "a2", "a3", "c3"});
}

TEST_CASE("who subscribes while an event is told hears the next one", "[base]") {
    Bus bus;
    Heard heard;
    std::vector<Subscription> late;
    // More than fit beside the first, so that the list moves while it is walked.
    const Subscription first = bus.subscribe<Opened>([&](const Opened& event) {
        heard.push_back("first" + std::to_string(event.number));
        if (event.number != 1) return;
        for (int i = 0; i < 20; ++i) late.push_back(bus.subscribe<Opened>(noting(heard, "x")));
        heard.push_back("still there");
    });
    bus.publish(Opened{1});
    CHECK(heard == Heard{"first1", "still there"});
    bus.publish(Opened{2});
    CHECK(heard.size() == 2 + 1 + 20);
}

TEST_CASE("subscriptions end while an event is told: one's own, one before, one to come",
          "[base]") {
    Bus bus;
    Heard heard;
    Subscription before = bus.subscribe<Opened>(noting(heard, "before"));
    Subscription own;
    Subscription after;
    const std::string text(100, 'x');  // held by the callback that ends itself
    own = bus.subscribe<Opened>([&, text](const Opened&) {
        before.end();
        own.end();
        after.end();
        heard.push_back("own" + std::to_string(text.size()));
    });
    after = bus.subscribe<Opened>(noting(heard, "after"));
    const Subscription last = bus.subscribe<Opened>(noting(heard, "last"));
    bus.publish(Opened{1});
    CHECK(heard == Heard{"before1", "own100", "last1"});
    bus.publish(Opened{2});
    CHECK(heard == Heard{"before1", "own100", "last1", "last2"});
}

TEST_CASE("events may be published inside events, and subscriptions end there", "[base]") {
    Bus bus;
    Heard heard;
    Subscription second;
    const Subscription first = bus.subscribe<Opened>([&](const Opened& event) {
        heard.push_back("first" + std::to_string(event.number));
        if (event.number < 3) bus.publish(Opened{event.number + 1});
        if (event.number == 3) second.end();
    });
    second = bus.subscribe<Opened>(noting(heard, "second"));
    bus.publish(Opened{1});
    CHECK(heard == Heard{"first1", "first2", "first3"});
    CHECK(bus.has_subscribers<Opened>());
}

TEST_CASE("a callback that owns another's subscription ends it when it goes", "[base]") {
    Bus bus;
    Heard heard;
    auto owned = std::make_shared<Subscription>(bus.subscribe<Opened>(noting(heard, "owned")));
    {
        const Subscription owner =
            bus.subscribe<Opened>([kept = std::move(owned)](const Opened&) {});
        bus.publish(Opened{1});
    }
    bus.publish(Opened{2});
    CHECK(heard == Heard{"owned1"});
    CHECK_FALSE(bus.has_subscribers<Opened>());
}

TEST_CASE("a callback that throws leaves the bus in order", "[base]") {
    Bus bus;
    Heard heard;
    std::optional<Subscription> thrower = bus.subscribe<Opened>([&](const Opened&) -> void {
        thrower.reset();
        throw std::runtime_error("no");
    });
    const Subscription other = bus.subscribe<Opened>(noting(heard, "other"));
    CHECK_THROWS_AS(bus.publish(Opened{1}), std::runtime_error);
    bus.publish(Opened{2});
    CHECK(heard == Heard{"other2"});
}

TEST_CASE("one callback can take every event of a bus", "[base]") {
    Bus bus;
    int sum = 0;
    {
        const auto subscriptions =
            bus.subscribe_all([&sum](const auto& event) { sum += event.number; });
        CHECK(subscriptions.size() == 2);
        bus.publish(Opened{1});
        bus.publish(Closed{20});
    }
    bus.publish(Closed{300});
    CHECK(sum == 21);
}

TEST_CASE("an event's type need not be known to pass", "[base]") {
    EventBus<Incomplete> bus;
    const Subscription subscription = bus.subscribe<Incomplete>([](const Incomplete&) {});
    CHECK(bus.has_subscribers<Incomplete>());
}
