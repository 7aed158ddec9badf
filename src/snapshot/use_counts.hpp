// UseCounts: how many requests of one worker hold each published Route.
//
// Written by its worker alone, without read-modify-write instructions; read by the control thread
// when it wants to free a Route. Memory grows in chunks, made by the control thread before it
// publishes a slot that needs one, and never moves.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/assert.hpp"

namespace penstock::snapshot {

class UseCounts {
  public:
    static constexpr std::size_t chunk_slots = 4'096;
    static constexpr std::size_t most_chunks = 1'024;
    static constexpr std::size_t most_slots = chunk_slots * most_chunks;

    // The worker's side.

    void add(std::uint32_t slot) noexcept {
        std::atomic<std::uint32_t>& count = at(slot);
        count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// Everything the worker read of the Route comes before a 0 that the control thread sees.
    void remove(std::uint32_t slot) noexcept {
        std::atomic<std::uint32_t>& count = at(slot);
        const std::uint32_t held = count.load(std::memory_order_relaxed);
        PENSTOCK_ASSERT(held > 0);
        count.store(held - 1, std::memory_order_release);
    }

    // The control thread's side.

    void make_room(std::size_t slots) {
        for (std::size_t i = 0; i * chunk_slots < slots; ++i) {
            if (!chunks_[i]) chunks_[i] = std::make_unique<Chunk>();
        }
    }
    std::uint32_t count(std::uint32_t slot) const noexcept {
        return (*chunks_[slot / chunk_slots])[slot % chunk_slots].load(std::memory_order_acquire);
    }

  private:
    using Chunk = std::array<std::atomic<std::uint32_t>, chunk_slots>;

    std::atomic<std::uint32_t>& at(std::uint32_t slot) noexcept {
        return (*chunks_[slot / chunk_slots])[slot % chunk_slots];
    }

    // Plain pointers: each is written once, before the publication through which the worker learns
    // of its slots.
    std::array<std::unique_ptr<Chunk>, most_chunks> chunks_;
};

}  // namespace penstock::snapshot
