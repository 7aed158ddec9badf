// Limits that come and go while requests are under way: what the publisher does to a route's gate.
#include <catch2/catch_test_macros.hpp>

#include "snapshot/publisher.hpp"

using namespace penstock;
using namespace penstock::snapshot;
using Entry = AdmissionGate::Entry;

namespace {

struct Waiting : AdmissionGate::Waiter {
    Waiting() : Waiter(&Waiting::on_answer) {}
    static void on_answer(Waiter& waiter, AdmissionGate::Answer answer) noexcept {
        static_cast<Waiting&>(waiter).answer = answer;
    }
    std::optional<AdmissionGate::Answer> answer;
};

/// A publisher and a worker's reader, and one route that may have a limit.
struct OneRoute {
    OneRoute() { reader.wake(); }
    ~OneRoute() { publisher.remove_reader(reader); }

    const Route& put(std::uint32_t active, std::uint32_t queued = 0) {
        RouteConfig config;
        config.v_host = "a.example";
        config.req_active_length = active;
        config.req_queue_length = queued;
        const RouteChange change{config.v_host, &config};
        publisher.publish(std::span(&change, 1));
        return *publisher.find("a.example");
    }
    void remove() {
        const RouteChange change{"a.example", nullptr};
        publisher.publish(std::span(&change, 1));
    }
    const Route& take() {
        const Route& route = *reader.current()->match("a.example");
        reader.hold(route);
        return route;
    }
    void turn() {
        reader.turn();
        publisher.settle_gates();
    }

    Publisher publisher;
    Reader& reader{publisher.add_reader()};
};

}  // namespace

TEST_CASE("a limit on a route that had none leaves room for the requests that came before",
          "[snapshot]") {
    OneRoute one;
    one.put(0);
    one.reader.turn();
    const Route& before = one.take();
    one.take();
    AdmissionGate& gate = one.put(3, 1).live->gate;

    Waiting first;
    Waiting second;
    Waiting third;
    // Until the worker has turned, it may let in more without a limit: nobody is granted a slot,
    // and nobody is sent away for it.
    CHECK(gate.enter(first) == Entry::queued);
    CHECK(gate.enter(second) == Entry::queued);
    one.publisher.settle_gates();
    CHECK_FALSE(first.answer);

    one.turn();
    CHECK(first.answer == AdmissionGate::Answer::granted);  // 2 came before: 1 of 3 is free
    CHECK_FALSE(second.answer);
    CHECK(gate.enter(third) == Entry::full);

    one.reader.release(before);
    one.publisher.settle_gates();
    CHECK(second.answer == AdmissionGate::Answer::granted);
    CHECK(gate.enter(third) == Entry::queued);
    one.reader.release(before);
    one.publisher.settle_gates();
    CHECK(third.answer == AdmissionGate::Answer::granted);
    CHECK(gate.counts().active == 3);
    for (int i = 0; i < 3; ++i) gate.leave();
}

TEST_CASE("as long as more came before than the limit allows, everybody waits", "[snapshot]") {
    OneRoute one;
    one.put(0);
    one.reader.turn();
    const Route& before = one.take();
    one.take();
    AdmissionGate& gate = one.put(1, 5).live->gate;
    one.turn();
    Waiting waiting;
    CHECK(gate.enter(waiting) == Entry::queued);
    one.reader.release(before);
    one.publisher.settle_gates();
    CHECK_FALSE(waiting.answer);
    one.reader.release(before);
    one.publisher.settle_gates();
    CHECK(waiting.answer == AdmissionGate::Answer::granted);
    gate.leave();
}

TEST_CASE("a limit that changes again before it stood is the newest one", "[snapshot]") {
    OneRoute one;
    one.put(0);
    one.reader.turn();
    const Route& before = one.take();
    one.put(1, 5);
    AdmissionGate& gate = one.put(2, 5).live->gate;
    Waiting first;
    Waiting second;
    CHECK(gate.enter(first) == Entry::queued);
    CHECK(gate.enter(second) == Entry::queued);
    one.turn();
    CHECK(first.answer == AdmissionGate::Answer::granted);
    CHECK_FALSE(second.answer);
    one.put(0);  // no limit any more: everybody goes
    CHECK(second.answer == AdmissionGate::Answer::granted);
    gate.leave();
    gate.leave();
    one.reader.release(before);
}

TEST_CASE("a route that is deleted sends its waiting away, and counts on when it comes back",
          "[snapshot]") {
    OneRoute one;
    AdmissionGate& gate = one.put(1, 1).live->gate;
    one.turn();
    const Route& held = one.take();
    Waiting running;
    Waiting waiting;
    CHECK(gate.enter(running) == Entry::granted);
    CHECK(gate.enter(waiting) == Entry::queued);
    one.remove();
    CHECK(waiting.answer == AdmissionGate::Answer::route_gone);
    Waiting late;
    CHECK(gate.enter(late) == Entry::closed);  // a worker that has not turned yet

    REQUIRE(&one.put(1, 1).live->gate == &gate);
    one.turn();
    Waiting next;
    CHECK(gate.enter(next) == Entry::queued);
    gate.leave();
    CHECK(next.answer == AdmissionGate::Answer::granted);
    gate.leave();
    one.reader.release(held);
}
