// SampleFeed: the workers' samples of requests, gathered while anybody wants them.
//
// Control thread only. Ten times a second the workers' rings are emptied; the last samples are kept
// as text for those who follow, each of whom is a place in their sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "io/ring.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::control {

class SampleFeed {
  public:
    static constexpr Duration period = std::chrono::milliseconds(100);
    static constexpr std::size_t most_kept = 256;

    /// `on_news` is called when there are new ones.
    SampleFeed(io::Ring& ring, snapshot::Publisher& publisher, std::function<void()> on_news);
    SampleFeed(const SampleFeed&) = delete;
    SampleFeed& operator=(const SampleFeed&) = delete;
    ~SampleFeed();

    /// Somebody begins to want them, or ceases to.
    void join();
    void leave() noexcept;

    /// One past the newest.
    std::uint64_t end() const noexcept { return end_; }
    /// Appends those from `next` on until `into` has `most` bytes; returns the first one that is
    /// left. Those that are not kept any more are passed over.
    std::uint64_t take(std::uint64_t next, std::size_t most, std::string& into) const;

  private:
    struct Round : io::Timer {
        explicit Round(SampleFeed& f) noexcept : Timer(&due), feed(f) {}
        static void due(io::Timer& timer) { static_cast<Round&>(timer).feed.gather(); }
        SampleFeed& feed;
    };

    void gather();

    io::Ring& ring_;
    snapshot::Publisher& publisher_;
    std::function<void()> on_news_;
    Round round_{*this};
    std::size_t followers_ = 0;
    std::deque<std::string> kept_;
    std::uint64_t end_ = 0;
};

}  // namespace penstock::control
