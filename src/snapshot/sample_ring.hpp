// SampleRing: some of a worker's requests, for whoever looks on.
//
// The worker alone writes, the control thread alone reads; neither waits for the other, and what
// there is no room for is left out. Nothing in a sample refers to anything outside it, for a route
// may be gone when it is read.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/request_record.hpp"

namespace penstock::snapshot {

/// A copy in place; what is longer is cut.
template <std::size_t most>
class ShortText {
  public:
    void assign(std::string_view text) noexcept {
        size_ = static_cast<std::uint16_t>(std::min(text.size(), most));
        std::copy_n(text.data(), size_, text_.data());
    }
    std::string_view view() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, most> text_;
    std::uint16_t size_ = 0;
};

struct RequestSample {
    TimePoint now{};               // when the request had ended
    std::uint64_t stands_for = 1;  // requests of this worker since its last sample, this one too
    Outcome outcome = Outcome::completed;
    ErrorKind error = ErrorKind::none;
    std::uint16_t status = 0;
    std::uint16_t retries = 0;
    bool tunnelled = false;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::optional<Duration> queue;
    std::optional<Duration> connect;
    std::optional<Duration> first_byte;
    Duration total{};
    ShortText<255> v_host;   // empty: no route
    ShortText<261> backend;  // host:port as configured; empty: none was tried
};

class SampleRing {
  public:
    static constexpr std::uint32_t most = 16;

    /// The worker's side. Null where there is no room: then nothing is pushed.
    RequestSample* next() noexcept {
        const std::uint32_t written = written_.load(std::memory_order_relaxed);
        if (written - read_.load(std::memory_order_acquire) == most) return nullptr;
        return &samples_[written % most];
    }
    /// What next() gave has been filled in.
    void push() noexcept {
        written_.store(written_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    /// The reader's side: visit(sample) for each that is there, oldest first.
    template <class Visit>
    void drain(Visit&& visit) {
        const std::uint32_t written = written_.load(std::memory_order_acquire);
        for (std::uint32_t at = read_.load(std::memory_order_relaxed); at != written; ++at) {
            visit(samples_[at % most]);
            read_.store(at + 1, std::memory_order_release);
        }
    }

  private:
    std::atomic<std::uint32_t> written_{0};
    std::atomic<std::uint32_t> read_{0};
    std::array<RequestSample, most> samples_;
};

}  // namespace penstock::snapshot
