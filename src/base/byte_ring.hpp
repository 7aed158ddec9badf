// ByteRing: records of bytes from one thread to another, bounded, without locks and without
// waiting.
//
// One producer, one consumer (a Lamport queue, with the other side's index cached as in Lee, Bu and
// Chandranmenon, 2009). A record lies in one piece; one that does not fit is refused, and the
// producer goes on. Its memory is touched as it is first used. Nothing is allocated after the
// constructor.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/assert.hpp"

namespace penstock {

class ByteRing {
  public:
    /// `capacity`: bytes, a power of two; each record takes 8 more, and is rounded up to 8.
    explicit ByteRing(std::size_t capacity)
        : capacity_(capacity), bytes_(std::make_unique_for_overwrite<char[]>(capacity)) {
        PENSTOCK_ASSERT(std::has_single_bit(capacity) && capacity >= 64);
    }
    ByteRing(const ByteRing&) = delete;
    ByteRing& operator=(const ByteRing&) = delete;

    // --- the producer ---

    /// Room for a record of so many bytes, to be filled before commit(); null: there is none.
    char* reserve(std::size_t size) noexcept {
        const std::size_t wanted = space_of(size);
        const std::size_t to_end = capacity_ - at(tail_.load(std::memory_order_relaxed));
        // One that would lie across the end begins at the start, behind a mark.
        skipped_ = wanted > to_end ? to_end : 0;
        if (!has_room(skipped_ + wanted)) return nullptr;
        size_ = size;
        return &bytes_[at(tail_.load(std::memory_order_relaxed) + skipped_)] + header;
    }
    /// The record that reserve() has given is there for the consumer.
    void commit() noexcept {
        std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        if (skipped_ > 0) put_size(tail, mark);
        tail += skipped_;
        put_size(tail, size_);
        tail_.store(tail + space_of(size_), std::memory_order_release);
    }
    /// Looks at the consumer's side only where that is not known to be false.
    bool is_half_full() noexcept {
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - seen_head_ <= capacity_ / 2) return false;
        seen_head_ = head_.load(std::memory_order_acquire);
        return tail - seen_head_ > capacity_ / 2;
    }

    // --- the consumer ---

    bool empty() noexcept {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        if (seen_tail_ <= head) seen_tail_ = tail_.load(std::memory_order_acquire);
        return seen_tail_ == head;
    }
    /// The oldest record, until pop(); not of an empty one.
    std::string_view front() noexcept {
        std::uint64_t head = head_.load(std::memory_order_relaxed);
        if (size_at(head) == mark) {
            head += capacity_ - at(head);
            head_.store(head, std::memory_order_release);
        }
        return {&bytes_[at(head)] + header, static_cast<std::size_t>(size_at(head))};
    }
    /// Behind front().
    void pop() noexcept {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        head_.store(head + space_of(static_cast<std::size_t>(size_at(head))),
                    std::memory_order_release);
    }

  private:
    static constexpr std::size_t header = sizeof(std::uint64_t);
    static constexpr std::uint64_t mark = UINT64_MAX;  // nothing follows before the end

    static std::size_t space_of(std::size_t size) noexcept {
        return header + (size + header - 1) / header * header;
    }
    std::size_t at(std::uint64_t position) const noexcept {
        return static_cast<std::size_t>(position) & (capacity_ - 1);
    }
    bool has_room(std::size_t wanted) noexcept {
        const std::uint64_t end = tail_.load(std::memory_order_relaxed) + wanted;
        if (end - seen_head_ <= capacity_) return true;
        seen_head_ = head_.load(std::memory_order_acquire);
        return end - seen_head_ <= capacity_;
    }
    void put_size(std::uint64_t position, std::uint64_t size) noexcept {
        std::memcpy(&bytes_[at(position)], &size, sizeof(size));
    }
    std::uint64_t size_at(std::uint64_t position) const noexcept {
        std::uint64_t size = 0;
        std::memcpy(&size, &bytes_[at(position)], sizeof(size));
        return size;
    }

    const std::size_t capacity_;
    const std::unique_ptr<char[]> bytes_;

    alignas(64) std::atomic<std::uint64_t> tail_{0};  // written by the producer
    std::uint64_t seen_head_ = 0;
    std::size_t skipped_ = 0;
    std::size_t size_ = 0;

    alignas(64) std::atomic<std::uint64_t> head_{0};  // written by the consumer
    std::uint64_t seen_tail_ = 0;
};

}  // namespace penstock
