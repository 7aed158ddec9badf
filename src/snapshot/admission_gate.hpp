// AdmissionGate: how many requests of a route are in flight and who waits, exact over all workers
// (SPEC section 4).
//
// SKELETON: replaced by the admission work; the interface is what others build on.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/intrusive_list.hpp"

namespace penstock::snapshot {

class AdmissionGate {
  public:
    /// What a waiting request is told, once.
    enum class Answer : std::uint8_t { granted, route_gone, no_backend };

    class Waiter : public ListNode<Waiter> {
      public:
        /// Runs on whatever thread gives the answer (another worker, the control thread), outside
        /// the gate's lock: hands the news to the waiter's own thread and touches nothing else.
        using Notify = void (*)(Waiter&, Answer) noexcept;
        explicit Waiter(Notify n) noexcept : notify(n) {}
        const Notify notify;
    };

    enum class Entry : std::uint8_t { granted, queued, full, closed };
    struct Counts {
        std::uint32_t active = 0;
        std::uint32_t queued = 0;
    };

    // Worker threads.

    Entry enter(Waiter&) noexcept { return Entry::granted; }
    /// Gives a slot back, or hands it over.
    void leave() noexcept {}
    /// True: it has left the queue, no answer comes. False: an answer is on its way to notify().
    bool cancel(Waiter&) noexcept { return true; }
    /// Everybody who waits is told `answer` (route_gone or no_backend).
    void answer_waiting(Answer) noexcept {}

    // Control thread.

    /// `most_active` 0: no limit. Takes effect at once: raised, the queue moves up.
    void set_limits(std::uint32_t /*most_active*/, std::uint32_t /*most_queued*/) noexcept {}
    /// Until set_limits(): nobody is granted anything, everybody queues, whatever the queue's
    /// limit.
    void hold() noexcept {}
    /// Until set_limits(): everybody who waits or comes is told route_gone.
    void close() noexcept {}

    // Any thread.

    Counts counts() const noexcept { return {}; }
};

}  // namespace penstock::snapshot
