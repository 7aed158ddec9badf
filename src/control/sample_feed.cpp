#include "control/sample_feed.hpp"

#include <algorithm>
#include <utility>

#include "control/event_text.hpp"

namespace penstock::control {

SampleFeed::SampleFeed(io::Ring& ring, snapshot::Publisher& publisher,
                       std::function<void()> on_news)
    : ring_(ring), publisher_(publisher), on_news_(std::move(on_news)) {}

SampleFeed::~SampleFeed() {
    ring_.timers().disarm(round_);
}

void SampleFeed::join() {
    if (followers_++ > 0) return;
    // What is left of an earlier time is nobody's.
    for (auto& own : publisher_.totals().by_worker)
        own.samples.drain([](const snapshot::RequestSample&) {});
    publisher_.totals().samples_wanted.store(true, std::memory_order_relaxed);
    ring_.timers().arm(round_, ring_.now() + period);
}

void SampleFeed::leave() noexcept {
    if (--followers_ > 0) return;
    publisher_.totals().samples_wanted.store(false, std::memory_order_relaxed);
    ring_.timers().disarm(round_);
    kept_.clear();
}

void SampleFeed::gather() {
    ring_.timers().arm(round_, ring_.now() + period);
    const std::uint64_t before = end_;
    const TimePoint now = Clock::now();
    const std::uint64_t unix_ms = unix_milliseconds();
    for (auto& own : publisher_.totals().by_worker) {
        own.samples.drain([&](const snapshot::RequestSample& sample) {
            const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::max(now - sample.now, Duration::zero()));
            kept_.push_back(
                sample_block(sample, unix_ms - static_cast<std::uint64_t>(ago.count())));
            ++end_;
        });
    }
    while (kept_.size() > most_kept) kept_.pop_front();
    if (end_ != before) on_news_();
}

std::uint64_t SampleFeed::take(std::uint64_t next, std::size_t most, std::string& into) const {
    next = std::max(next, end_ - kept_.size());
    while (next < end_ && into.size() < most) into += kept_[kept_.size() - (end_ - next++)];
    return next;
}

}  // namespace penstock::control
