#include "snapshot/histogram.hpp"

#include <algorithm>
#include <cmath>

#include <sys/mman.h>

namespace penstock::snapshot {

// Every counter is stored with release and loaded with acquire, which costs nothing on x86: whoever
// reads a counter of a recycled chunk has thereby seen that the pool had moved on before.

namespace {

void increment(std::atomic<std::uint32_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace

Duration middle_of(Bucket bucket) noexcept {
    constexpr std::int64_t unit = 64;
    // Octave 0 is linear from nothing; octave k >= 1 holds units from 64 << (k - 1) on.
    const unsigned shift = bucket.octave == 0 ? 0 : bucket.octave - 1U;
    const std::int64_t first = bucket.octave == 0 ? bucket.place : octave_buckets + bucket.place;
    const std::int64_t width = unit << shift;
    return Duration(first * width + width / 2);
}

// --- the pool ---

HistogramPool::~HistogramPool() {
    if (Chunk* const base = base_.load(std::memory_order_relaxed)) ::munmap(base, bytes());
}

bool HistogramPool::reserve() noexcept {
    if (base_.load(std::memory_order_relaxed) != nullptr) return true;
    if (failed_ || chunks_ < 2) return false;
    void* const pages = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    failed_ = pages == MAP_FAILED;
    if (failed_) return false;
    // Zeroed pages are chunks of zeroes: atomics of integers have no other state.
    auto* const base = static_cast<Chunk*>(pages);
    next_ = reinterpret_cast<std::uint32_t*>(base + chunks_);
    base_.store(base, std::memory_order_release);
    return true;
}

void HistogramPool::begin(std::uint32_t period) noexcept {
    const std::uint32_t before = period_.load(std::memory_order_relaxed);
    period_.store(period, std::memory_order_relaxed);
    const std::uint32_t passed = std::min(period - before, window_periods);
    for (std::uint32_t i = 0; i < passed; ++i) {
        List& list = taken_[(period - i) % window_periods];
        if (list.head == none) continue;
        next_[list.tail] = free_;
        free_ = list.head;
        in_use_.store(in_use_.load(std::memory_order_relaxed) - list.count,
                      std::memory_order_relaxed);
        list = {};
    }
}

std::uint32_t HistogramPool::take() noexcept {
    std::uint32_t chunk = free_;
    if (chunk != none) {
        free_ = next_[chunk];
        for (auto& counter : at(chunk)) counter.store(0, std::memory_order_release);
    } else {
        if (!reserve() || end_ == chunks_) return none;
        chunk = end_++;
    }
    List& list = taken_[period_.load(std::memory_order_relaxed) % window_periods];
    next_[chunk] = list.head;
    if (list.head == none) list.tail = chunk;
    list.head = chunk;
    ++list.count;
    in_use_.store(in_use_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return chunk;
}

// --- the window ---

bool LatencyWindow::record(HistogramPool& pool, std::uint32_t period, Phase phase,
                           Bucket bucket) noexcept {
    const auto number = static_cast<unsigned>(phase);
    Slot& slot = slots_[period % window_periods];
    if (slot.period.load(std::memory_order_relaxed) != period) {
        slot.period.store(0, std::memory_order_relaxed);
        for (auto& root : slot.roots) root.store(HistogramPool::none, std::memory_order_release);
        slot.period.store(period, std::memory_order_release);
    }
    auto& root = slot.roots[number / phases_a_root];
    if (root.load(std::memory_order_relaxed) == HistogramPool::none) {
        const std::uint32_t chunk = pool.take();
        if (chunk == HistogramPool::none) return false;
        root.store(chunk, std::memory_order_release);
    }
    auto& counters = pool.at(
        root.load(std::memory_order_relaxed))[number % phases_a_root * octaves + bucket.octave];
    if (counters.load(std::memory_order_relaxed) == HistogramPool::none) {
        const std::uint32_t chunk = pool.take();
        if (chunk == HistogramPool::none) return false;
        counters.store(chunk, std::memory_order_release);
    }
    increment(pool.at(counters.load(std::memory_order_relaxed))[bucket.place]);
    return true;
}

void LatencyWindow::collect(const HistogramPool& pool, std::uint32_t period, Phase phase,
                            Histogram& into) const noexcept {
    for (const Slot& slot : slots_) {
        const std::uint32_t of = slot.period.load(std::memory_order_acquire);
        // The worker may be a period ahead of whoever asks: what is newest is wanted too.
        if (of == 0 || of + window_periods <= period) continue;
        const auto& root = slot.roots[static_cast<unsigned>(phase) / phases_a_root];
        if (root.load(std::memory_order_relaxed) == HistogramPool::none) continue;
        Histogram part;
        const auto add = [&part](Bucket bucket, std::uint32_t count) {
            part.add(bucket.octave, bucket.place, count);
        };
        if (visit_slot(pool, slot, of, phase, add)) into.merge(part);
    }
}

// --- the sum ---

void Histogram::merge(const Histogram& other) noexcept {
    for (std::uint32_t left = other.used_; left != 0; left &= left - 1) {
        const auto octave = static_cast<unsigned>(std::countr_zero(left));
        for (unsigned place = 0; place < octave_buckets; ++place)
            counts_[octave][place] += other.counts_[octave][place];
    }
    used_ |= other.used_;
    total_ += other.total_;
}

Duration Histogram::mean() const noexcept {
    if (total_ == 0) return {};
    double sum = 0;
    for (std::uint32_t left = used_; left != 0; left &= left - 1) {
        const auto octave = static_cast<std::uint8_t>(std::countr_zero(left));
        for (std::uint8_t place = 0; place < octave_buckets; ++place) {
            sum += static_cast<double>(counts_[octave][place]) *
                   static_cast<double>(middle_of({octave, place}).count());
        }
    }
    return Duration(static_cast<std::int64_t>(sum / static_cast<double>(total_)));
}

Duration Histogram::max() const noexcept {
    return quantile(1.0);
}

Duration Histogram::quantile(double fraction) const noexcept {
    const auto wanted = std::clamp<std::uint64_t>(
        static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(total_))), 1,
        std::max<std::uint64_t>(total_, 1));
    std::uint64_t seen = 0;
    for (std::uint32_t left = used_; left != 0; left &= left - 1) {
        const auto octave = static_cast<std::uint8_t>(std::countr_zero(left));
        for (std::uint8_t place = 0; place < octave_buckets; ++place) {
            seen += counts_[octave][place];
            if (seen >= wanted) return middle_of({octave, place});
        }
    }
    return {};
}

}  // namespace penstock::snapshot
