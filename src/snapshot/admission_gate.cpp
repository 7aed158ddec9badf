#include "snapshot/admission_gate.hpp"

#include <algorithm>
#include <mutex>

namespace penstock::snapshot {

namespace {

using Waiter = AdmissionGate::Waiter;

/// Outside the lock. A waiter may be gone as soon as it has been told.
void tell(IntrusiveList<Waiter>& waiters, AdmissionGate::Answer answer) noexcept {
    while (Waiter* waiter = waiters.pop_front()) waiter->notify(*waiter, answer);
}

}  // namespace

// --- in and out ---

bool AdmissionGate::has_room(Word word) const noexcept {
    return queued_of(word) == 0 && active_of(word) < most_active_.load(std::memory_order_relaxed);
}

bool AdmissionGate::enter_at_once() noexcept {
    Word word = word_.load(std::memory_order_acquire);
    while (has_room(word)) {
        if (change(word, word + one_active)) return true;
    }
    return false;
}

AdmissionGate::Entry AdmissionGate::enter_or_queue(Waiter& waiter) noexcept {
    const std::lock_guard lock(lock_);
    if (closed_) return Entry::closed;
    Word word = word_.load(std::memory_order_acquire);
    for (;;) {  // a slot that is given back meanwhile makes either change fail
        if (has_room(word)) {
            if (change(word, word + one_active)) return Entry::granted;
        } else if (queued_of(word) >= most_queued_) {
            return Entry::full;
        } else if (change(word, word + one_queued)) {
            break;
        }
    }
    waiter.queued_ = true;
    queue_.push_back(waiter);
    return Entry::queued;
}

void AdmissionGate::leave() noexcept {
    Word word = word_.load(std::memory_order_acquire);
    while (queued_of(word) == 0) {
        PENSTOCK_ASSERT(active_of(word) > 0);
        if (change(word, word - one_active)) return;
    }
    if (Waiter* next = hand_over()) next->notify(*next, Answer::granted);
}

/// The first waiter, who has the caller's slot now; null where the slot has been given up.
AdmissionGate::Waiter* AdmissionGate::hand_over() noexcept {
    const std::lock_guard lock(lock_);
    Word word = word_.load(std::memory_order_acquire);
    for (;;) {
        const bool is_above_limit = active_of(word) > most_active_.load(std::memory_order_relaxed);
        if (queued_of(word) > 0 && !is_above_limit) return &unlink(queue_.front(), 0);
        if (change(word, word - one_active)) return nullptr;
    }
}

bool AdmissionGate::cancel(Waiter& waiter) noexcept {
    const std::lock_guard lock(lock_);
    if (!waiter.queued_) return false;
    unlink(waiter, 0);
    return true;
}

/// The only way out of the queue, under the lock: both counts change in one step.
AdmissionGate::Waiter& AdmissionGate::unlink(Waiter& waiter, Word newly_active) noexcept {
    waiter.unlink();
    waiter.queued_ = false;
    word_.fetch_add(newly_active - one_queued, std::memory_order_acq_rel);
    return waiter;
}

// --- the control thread's rules ---

void AdmissionGate::answer_waiting(Answer answer) noexcept {
    // Those of the first look: newcomers may not make this endless. Looked at under the lock, so
    // that who queues later sees what the caller did before.
    std::uint32_t left = no_limit;
    do {
        IntrusiveList<Waiter> leaving;
        {
            const std::lock_guard lock(lock_);
            left = std::min(left, counts().queued);
            for (unsigned i = 0; i < batch && left > 0; ++i, --left) {
                leaving.push_back(unlink(queue_.front(), 0));
            }
        }
        tell(leaving, answer);
    } while (left > 0);
}

void AdmissionGate::set_limits(std::uint32_t most_active, std::uint32_t most_queued) noexcept {
    rule(most_active == 0 ? no_limit : most_active, most_queued, false);
    grant_free_slots();
}

void AdmissionGate::hold(std::uint32_t most_queued) noexcept {
    rule(0, most_queued, false);
}

void AdmissionGate::close() noexcept {
    rule(0, 0, true);
    answer_waiting(Answer::route_gone);
}

void AdmissionGate::rule(std::uint32_t most_active, std::uint32_t most_queued,
                         bool closed) noexcept {
    const std::lock_guard lock(lock_);
    most_active_.store(most_active, std::memory_order_relaxed);
    most_queued_ = most_queued;
    closed_ = closed;
}

/// Those who wait longest get what a raised limit has made free. Whoever comes meanwhile finds them
/// in the queue and stands behind them.
void AdmissionGate::grant_free_slots() noexcept {
    const auto may_move = [this] {
        const Counts now = counts();
        return now.queued > 0 && now.active < most_active_.load(std::memory_order_relaxed);
    };
    while (may_move()) {
        IntrusiveList<Waiter> moving;
        {
            const std::lock_guard lock(lock_);
            for (unsigned i = 0; i < batch && may_move(); ++i) {
                moving.push_back(unlink(queue_.front(), one_active));
            }
        }
        tell(moving, Answer::granted);
    }
}

}  // namespace penstock::snapshot
