// Reader: one worker's view of what is published, and its promise of what it no longer looks at.
//
// Made and ended by the control thread (Publisher::add_reader), otherwise touched by its worker
// alone. A snapshot read here is good until the next turn(), sleep() or wake(); a Route that is
// needed for longer is held. Quiescent-state-based reclamation (McKenney and Slingwine, 1998; Hart
// et al., 2007), with a sleeping worker counted as quiescent so that publishing never wakes anyone.
//
// Why no snapshot is freed under a reader. The publisher stores the pointer, then the epoch, then
// loads `seen_`; wake() stores `seen_`, then loads epoch and pointer: all sequentially consistent,
// a Dekker handshake. So either the publisher sees the worker awake and waits for it, or the
// worker's load comes after the publisher's store and finds the new pointer. turn() needs no such
// care: an awake worker keeps the publisher waiting until it stores the new epoch, after its last
// look at the old snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "snapshot/route.hpp"
#include "snapshot/snapshot.hpp"
#include "snapshot/use_counts.hpp"

namespace penstock::snapshot {

/// What the control thread tells all workers: written by it alone, save `waiting`.
struct alignas(64) Publication {
    std::atomic<const Snapshot*> snapshot{nullptr};
    std::atomic<std::uint64_t> epoch{1};
    /// Set by a publisher that waits for readers; the first to move on clears it and calls
    /// `notify`.
    std::atomic<bool> waiting{false};
    std::function<void()> notify;

    void reader_moved() {
        if (waiting.load() && waiting.exchange(false)) notify();
    }
};

class alignas(128) Reader {
  public:
    explicit Reader(Publication& published) noexcept
        : published_(published), epoch_(published.epoch.load()) {}
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// Before anything else is read, first of all and after each sleep().
    void wake() noexcept {
        seen_.store(epoch_);
        refresh();
    }

    /// Once a loop turn, where the worker did not sleep: takes what is new; true where anything
    /// was.
    bool turn() noexcept {
        if (published_.epoch.load(std::memory_order_acquire) == epoch_) return false;
        refresh();
        return true;
    }

    /// Before the worker waits: until wake(), nothing published may be read but held Routes. False
    /// where something has been published meanwhile.
    bool sleep() noexcept {
        current_ = nullptr;
        seen_.store(asleep);
        if (published_.epoch.load() == epoch_) return true;
        // A publisher may have seen the worker awake a moment ago, and now waits for it.
        published_.reader_moved();
        return false;
    }

    const Snapshot* current() const noexcept { return current_; }

    /// `route` comes from current(), or is held already.
    void hold(const Route& route) noexcept { uses_.add(route.slot); }
    void release(const Route& route) noexcept { uses_.remove(route.slot); }

  private:
    friend class Publisher;

    static constexpr std::uint64_t asleep = 0;

    /// The epoch is loaded before the pointer, so that the pointer is at least as new.
    void refresh() noexcept {
        epoch_ = published_.epoch.load();
        current_ = published_.snapshot.load();
        seen_.store(epoch_);
        published_.reader_moved();
    }

    bool has_passed(std::uint64_t epoch) const noexcept {
        const std::uint64_t seen = seen_.load();
        return seen == asleep || seen >= epoch;
    }

    std::atomic<std::uint64_t> seen_{asleep};  // read by the control thread
    Publication& published_;
    const Snapshot* current_ = nullptr;
    std::uint64_t epoch_;
    UseCounts uses_;
};

}  // namespace penstock::snapshot
