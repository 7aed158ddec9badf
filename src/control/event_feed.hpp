// EventFeed: the control thread's events for those who follow them from outside (/api/v1/events).
//
// Control thread only; outlives its streams. The last events are kept as text, once for everybody:
// a follower is a place in that sequence, so that a slow one costs no memory, holds up nobody, and
// is told what it has missed. Sequences belong to one process: ids name the process too, so that
// what was seen of an earlier one is recognised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/intrusive_list.hpp"
#include "control/event_bus.hpp"
#include "control/event_text.hpp"
#include "control/response_stream.hpp"
#include "control/sample_feed.hpp"
#include "io/ring.hpp"
#include "io/timed_event.hpp"

namespace penstock::control {

class EventFeed {
  public:
    /// What is kept for those who come back: so many events, and of long ones so many bytes.
    static constexpr std::size_t most_kept = 4'096;
    static constexpr std::size_t most_kept_bytes = std::size_t{2} << 20;
    /// Streams at a time: half of the connections that the API's server has.
    static constexpr std::size_t most_streams = 512;
    /// A stream says something at least so often.
    static constexpr Duration heartbeat = std::chrono::seconds(15);

    /// Keeps what happens from now on.
    EventFeed(io::Ring& ring, ControlEvents& events, snapshot::Publisher& publisher);
    EventFeed(const EventFeed&) = delete;
    EventFeed& operator=(const EventFeed&) = delete;

    struct Wish {
        /// The id of the event to begin behind; empty: from now on.
        std::optional<std::string_view> last_seen{};
        /// Some of the requests, too.
        bool samples = false;
    };
    /// Null where there are most_streams.
    std::shared_ptr<ResponseStream> follow(const Wish& wish);
    std::size_t streams() const noexcept { return count_; }

    /// The streams that there are end; their clients may come back, to whoever then listens here.
    void end_streams() noexcept;
    /// The same, and later ones end at once.
    void close() noexcept;

  private:
    class Stream;
    struct Kept {
        std::uint64_t sequence;
        std::string text;
    };

    void keep(const Event& event);
    void wake_all() noexcept;
    std::uint64_t last_sequence() const noexcept { return end_ - 1; }
    std::uint64_t oldest_kept() const noexcept {
        return kept_.empty() ? end_ : kept_.front().sequence;
    }

    io::Ring& ring_;
    const std::uint64_t boot_;
    std::deque<Kept> kept_;
    std::size_t kept_bytes_ = 0;
    std::uint64_t end_;  // one past the last event
    IntrusiveList<Stream> busy_;
    IntrusiveList<Stream> waiting_;  // for the next event
    std::size_t count_ = 0;
    bool is_closed_ = false;
    SampleFeed samples_;
    std::vector<Subscription> subscriptions_;
};

}  // namespace penstock::control
