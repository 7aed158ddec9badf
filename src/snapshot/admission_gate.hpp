// AdmissionGate: how many requests of a route are in flight and who waits, exact over all workers
// (SPEC section 4).
//
// One word holds both counts, so every change of them is one atomic step. As long as nobody waits,
// enter() and leave() are one compare-and-swap each; once anybody does, all go through a spin lock
// over the queue, held for well under a microsecond. A request that ends while others wait does not
// free its slot but hands it to the first of them: the number in flight never dips, and nobody can
// slip in between.
//
// While somebody holds the lock and the queue is not empty, nobody else changes the word: the short
// ways in and out are for an empty queue only. Outside the lock, a queue that is not empty means
// that `active` has reached the limit, save while the answers of a raised limit are being given.
//
// A waiter is answered once, or cancelled; the lock decides which. It leaves the queue under the
// lock and hears of it after the lock, from the answering thread. So its memory stays until either
// cancel() was true, or notify() has been called and what it sent has come. A cancel() that was
// false says that an answer is coming: where that is a slot, the one who gave up leaves with it,
// and the slot goes on to the next.
//
// The limit is read before the word is changed: a worker caught between the two may still enter by
// the limit that was. It is in a loop turn, and a change is answered only when that turn has ended
// (control/epoch_wait.hpp). The gate outlives whoever waits at it or holds a slot, as each of them
// holds its Route.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.hpp"
#include "base/intrusive_list.hpp"
#include "base/spin_lock.hpp"

namespace penstock::snapshot {

class alignas(64) AdmissionGate {
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

      private:
        friend class AdmissionGate;

        bool queued_ = false;  // under the gate's lock
    };

    static constexpr std::uint32_t no_limit = UINT32_MAX;
    enum class Entry : std::uint8_t { granted, queued, full, closed };
    struct Counts {
        std::uint32_t active = 0;
        std::uint32_t queued = 0;
    };

    AdmissionGate() = default;
    AdmissionGate(const AdmissionGate&) = delete;
    AdmissionGate& operator=(const AdmissionGate&) = delete;
    /// Nobody waits, and every slot has been given back.
    ~AdmissionGate() { PENSTOCK_ASSERT(word_.load() == 0); }

    // Worker threads.

    /// Where it queues, the waiter will be answered unless it is cancelled.
    Entry enter(Waiter& waiter) noexcept {
        return enter_at_once() ? Entry::granted : enter_or_queue(waiter);
    }
    /// Gives a slot back, or hands it over.
    void leave() noexcept;
    /// For a waiter that has queued. True: it has left the queue, no answer comes. False: an answer
    /// is on its way to notify(), or has been given.
    bool cancel(Waiter& waiter) noexcept;
    /// Everybody who waits is told `answer` (route_gone or no_backend).
    void answer_waiting(Answer answer) noexcept;

    // Control thread.

    /// `most_active` 0: no limit. Takes effect at once: raised, the queue moves up; lowered, the
    /// slots above it are given up as their requests end.
    void set_limits(std::uint32_t most_active, std::uint32_t most_queued) noexcept;
    /// Until set_limits(): nobody is granted anything, everybody queues; by default whatever the
    /// queue's limit.
    void hold(std::uint32_t most_queued = no_limit) noexcept;
    /// Until set_limits(): everybody who waits or comes is told route_gone.
    void close() noexcept;

    // Any thread.

    Counts counts() const noexcept {
        const Word word = word_.load(std::memory_order_relaxed);
        return {active_of(word), queued_of(word)};
    }

  private:
    using Word = std::uint64_t;  // queued : 32 | active : 32
    static constexpr Word one_active = 1;
    static constexpr Word one_queued = Word{1} << 32;
    /// How many waiters are taken off the queue under one hold of the lock.
    static constexpr unsigned batch = 16;

    static std::uint32_t active_of(Word word) noexcept { return static_cast<std::uint32_t>(word); }
    static std::uint32_t queued_of(Word word) noexcept {
        return static_cast<std::uint32_t>(word >> 32);
    }

    bool change(Word& expected, Word wanted) noexcept {
        return word_.compare_exchange_weak(expected, wanted, std::memory_order_acq_rel,
                                           std::memory_order_acquire);
    }
    bool has_room(Word word) const noexcept;
    bool enter_at_once() noexcept;
    Entry enter_or_queue(Waiter& waiter) noexcept;
    Waiter* hand_over() noexcept;
    Waiter& unlink(Waiter& waiter, Word newly_active) noexcept;
    void rule(std::uint32_t most_active, std::uint32_t most_queued, bool closed) noexcept;
    void grant_free_slots() noexcept;

    std::atomic<Word> word_{0};
    std::atomic<std::uint32_t> most_active_{
        no_limit};  // 0 while held or closed; changed under lock_
    SpinLock lock_;
    // Under lock_.
    bool closed_ = false;
    std::uint32_t most_queued_ = 0;
    IntrusiveList<Waiter> queue_;  // the longest wait first
};

}  // namespace penstock::snapshot
