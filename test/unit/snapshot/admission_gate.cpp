// The admission gate, one step after the other; admission_gate_stress.cpp has it on many threads.
#include "snapshot/admission_gate.hpp"

#include <deque>
#include <optional>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock::snapshot;
using Answer = AdmissionGate::Answer;
using Entry = AdmissionGate::Entry;

namespace {

/// Remembers what it was told, and in which place among all that were told something.
struct Request : AdmissionGate::Waiter {
    explicit Request(int& told) : Waiter(&Request::on_answer), told_so_far(told) {}

    static void on_answer(Waiter& waiter, Answer answer) noexcept {
        auto& self = static_cast<Request&>(waiter);
        self.answer = answer;
        self.place = self.told_so_far++;
    }

    int& told_so_far;
    std::optional<Answer> answer;
    int place = -1;
};

/// Requests that come one after the other.
struct Crowd {
    explicit Crowd(AdmissionGate& g) : gate(g) {}

    Entry enter() { return gate.enter(requests.emplace_back(told)); }
    std::vector<Entry> enter(int count) {
        std::vector<Entry> entries;
        for (int i = 0; i < count; ++i) entries.push_back(enter());
        return entries;
    }
    void leave(int count) {
        for (int i = 0; i < count; ++i) gate.leave();
    }
    /// True where those and only those of `first` to `last` have been told `answer`, in their
    /// order.
    bool told_in_order(int first, int last, Answer answer, int place = 0) const {
        for (int i = first; i < last; ++i) {
            if (requests[i].answer != answer || requests[i].place != place++) return false;
        }
        return told == place;
    }

    AdmissionGate& gate;
    int told = 0;
    std::deque<Request> requests;
};

bool counts(const AdmissionGate& gate, std::uint32_t active, std::uint32_t queued) {
    return gate.counts().active == active && gate.counts().queued == queued;
}

}  // namespace

TEST_CASE("a gate grants up to its limit, queues up to the other, and refuses the rest") {
    AdmissionGate gate;
    gate.set_limits(3, 2);
    Crowd crowd(gate);
    CHECK(crowd.enter(7) == std::vector{Entry::granted, Entry::granted, Entry::granted,
                                        Entry::queued, Entry::queued, Entry::full, Entry::full});
    CHECK(counts(gate, 3, 2));
    CHECK(crowd.told == 0);
    crowd.leave(5);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a gate without a queue refuses at once, and grants again once a slot is free") {
    AdmissionGate gate;
    gate.set_limits(1, 0);
    Crowd crowd(gate);
    CHECK(crowd.enter(2) == std::vector{Entry::granted, Entry::full});
    crowd.leave(1);
    CHECK(crowd.enter() == Entry::granted);
    crowd.leave(1);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("who leaves hands the slot to whoever has waited longest") {
    AdmissionGate gate;
    gate.set_limits(2, 3);
    Crowd crowd(gate);
    crowd.enter(5);
    crowd.leave(1);
    CHECK(crowd.told_in_order(2, 3, Answer::granted));
    CHECK(counts(gate, 2, 2));
    // A newcomer stands behind those who wait, whatever becomes free.
    CHECK(crowd.enter() == Entry::queued);
    crowd.leave(3);
    CHECK(crowd.told_in_order(2, 6, Answer::granted));
    CHECK(counts(gate, 2, 0));
    crowd.leave(2);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a cancelled waiter makes room in the queue and is never answered") {
    AdmissionGate gate;
    gate.set_limits(1, 3);
    Crowd crowd(gate);
    crowd.enter(4);
    CHECK(gate.cancel(crowd.requests[2]));
    CHECK(counts(gate, 1, 2));
    CHECK_FALSE(gate.cancel(crowd.requests[2]));
    CHECK(crowd.enter() == Entry::queued);
    CHECK(crowd.enter() == Entry::full);
    crowd.leave(3);
    CHECK_FALSE(crowd.requests[2].answer);
    CHECK(crowd.requests[1].place == 0);
    CHECK(crowd.requests[3].place == 1);
    CHECK(crowd.requests[4].place == 2);
    CHECK_FALSE(gate.cancel(crowd.requests[1]));  // it has a slot already
    crowd.leave(1);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a raised limit moves the queue up at once, in its order") {
    AdmissionGate gate;
    gate.set_limits(1, 100);
    Crowd crowd(gate);
    crowd.enter(101);
    gate.set_limits(4, 100);
    CHECK(crowd.told_in_order(1, 4, Answer::granted));
    CHECK(counts(gate, 4, 97));
    gate.set_limits(80, 0);
    CHECK(crowd.told_in_order(1, 80, Answer::granted));
    CHECK(counts(gate, 80, 21));  // the queue's own limit is for those who come
    CHECK(crowd.enter() == Entry::full);
    gate.set_limits(200, 0);
    CHECK(crowd.told_in_order(1, 101, Answer::granted));
    CHECK(crowd.enter() == Entry::granted);
    crowd.leave(102);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a lowered limit is reached as requests end") {
    AdmissionGate gate;
    gate.set_limits(5, 10);
    Crowd crowd(gate);
    crowd.enter(7);
    gate.set_limits(2, 10);
    CHECK(counts(gate, 5, 2));
    crowd.leave(3);
    CHECK(crowd.told == 0);
    CHECK(counts(gate, 2, 2));
    crowd.leave(1);
    CHECK(crowd.told_in_order(5, 6, Answer::granted));
    crowd.leave(1);
    CHECK(counts(gate, 2, 0));
    CHECK(crowd.enter() == Entry::queued);
    crowd.leave(3);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a limit that is taken away lets everybody in, and slots are counted still") {
    AdmissionGate gate;
    gate.set_limits(2, 50);
    Crowd crowd(gate);
    crowd.enter(52);
    gate.set_limits(0, 0);
    CHECK(crowd.told_in_order(2, 52, Answer::granted));
    CHECK(crowd.enter() == Entry::granted);  // of a version of the route that had the limit
    CHECK(counts(gate, 53, 0));
    gate.set_limits(3, 1);
    CHECK(crowd.enter() == Entry::queued);
    crowd.leave(50);
    CHECK(counts(gate, 3, 1));
    crowd.leave(4);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a gate that is held queues everybody until it has limits again") {
    AdmissionGate gate;
    gate.set_limits(0, 0);
    Crowd crowd(gate);
    crowd.enter(2);
    gate.hold();
    CHECK(crowd.enter(40) == std::vector(40, Entry::queued));
    crowd.leave(2);
    CHECK(crowd.told == 0);
    CHECK(counts(gate, 0, 40));
    CHECK(gate.cancel(crowd.requests[2]));
    gate.set_limits(3, 1);
    CHECK(crowd.told_in_order(3, 6, Answer::granted));
    CHECK(counts(gate, 3, 36));
    CHECK(crowd.enter() == Entry::full);
    crowd.leave(39);
    CHECK(crowd.told_in_order(3, 42, Answer::granted));
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a closed gate sends everybody away, and counts those in flight once it is open again") {
    AdmissionGate gate;
    gate.set_limits(3, 60);
    Crowd crowd(gate);
    crowd.enter(50);
    gate.close();
    CHECK(crowd.told_in_order(3, 50, Answer::route_gone));
    CHECK(counts(gate, 3, 0));
    CHECK(crowd.enter() == Entry::closed);
    crowd.leave(1);
    CHECK(counts(gate, 2, 0));
    CHECK(crowd.enter() == Entry::closed);

    gate.set_limits(2, 1);  // the route has been created again
    CHECK(crowd.enter(2) == std::vector{Entry::queued, Entry::full});
    crowd.leave(1);
    CHECK(crowd.requests[52].answer == Answer::granted);
    CHECK(counts(gate, 2, 0));
    crowd.leave(2);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a held gate can be closed, a closed one held") {
    AdmissionGate gate;
    gate.set_limits(1, 1);
    gate.hold();
    Crowd crowd(gate);
    CHECK(crowd.enter() == Entry::queued);
    gate.close();
    CHECK(crowd.requests[0].answer == Answer::route_gone);
    gate.hold();
    CHECK(crowd.enter() == Entry::queued);
    gate.set_limits(1, 1);
    CHECK(crowd.requests[1].answer == Answer::granted);
    crowd.leave(1);
}

TEST_CASE("those who wait can be told that there is no backend; later ones queue as ever") {
    AdmissionGate gate;
    gate.set_limits(2, 40);
    Crowd crowd(gate);
    crowd.enter(42);
    gate.answer_waiting(Answer::no_backend);
    CHECK(crowd.told_in_order(2, 42, Answer::no_backend));
    CHECK(counts(gate, 2, 0));
    CHECK(crowd.enter() == Entry::queued);
    crowd.leave(1);
    CHECK(crowd.requests[42].answer == Answer::granted);
    crowd.leave(2);
    CHECK(counts(gate, 0, 0));
}

TEST_CASE("a waiter that has been answered can queue again") {
    AdmissionGate gate;
    gate.set_limits(1, 1);
    Crowd crowd(gate);
    crowd.enter(2);
    Request& again = crowd.requests[1];
    gate.answer_waiting(Answer::no_backend);
    CHECK(gate.enter(again) == Entry::queued);
    CHECK(gate.cancel(again));
    CHECK(gate.enter(again) == Entry::queued);
    crowd.leave(2);
    CHECK(again.answer == Answer::granted);
}
