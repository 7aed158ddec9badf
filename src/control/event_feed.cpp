#include "control/event_feed.hpp"

#include <chrono>
#include <utility>

namespace penstock::control {

namespace {

/// How much is put together at a time: what one slow client can hold.
constexpr std::size_t usual_piece = std::size_t{16} << 10;

std::uint64_t present_microseconds() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

/// One who follows: a place in the sequence.
class EventFeed::Stream final : public ResponseStream, public ListNode<Stream> {
  public:
    Stream(EventFeed& feed, const Wish& wish)
        : feed_(feed), news_(feed.ring_), next_(feed.end_), wants_samples_(wish.samples) {
        if (wants_samples_) feed_.samples_.join();
        next_sample_ = feed_.samples_.end();
        if (wish.last_seen) go_back_to(*wish.last_seen);
        opening_.insert(0, opening_block({feed_.boot_, next_ - 1}));
        ++feed_.count_;
        feed_.busy_.push_back(*this);
    }
    ~Stream() override {
        unlink();
        --feed_.count_;
        if (wants_samples_) feed_.samples_.leave();
    }

    io::Task<bool> next(std::string& into) override {
        into += std::exchange(opening_, {});
        while (!ended_) {
            take(into);
            if (!into.empty()) co_return true;
            unlink();
            feed_.waiting_.push_back(*this);
            const bool told = co_await news_.wait(feed_.ring_.now() + heartbeat);
            unlink();
            feed_.busy_.push_back(*this);
            if (!told) into += heartbeat_block;
        }
        take(into);
        co_return false;
    }

    void end() noexcept override {
        ended_ = true;
        news_.set();
    }
    void tell() noexcept { news_.set(); }

  private:
    /// Behind what the client has seen; or where it is told what it has missed.
    void go_back_to(std::string_view last_seen) {
        const auto seen = parse_event_position(last_seen);
        if (seen && seen->boot == feed_.boot_ && seen->sequence < feed_.end_) {
            next_ = seen->sequence + 1;  // what is not kept any more, take() tells of
            return;
        }
        LostEvents lost{.reason = "unknown", .last_seen = {}, .from = 1, .to = feed_.end_ - 1};
        std::string position;
        if (seen) {
            position = to_string(*seen);
            lost.last_seen = position;
            if (seen->boot != feed_.boot_) lost.reason = "restart";
        }
        opening_ = lost_block(feed_.boot_, lost);
    }

    void take(std::string& into) {
        const std::uint64_t oldest = feed_.oldest_kept();
        if (next_ < oldest) {
            into += lost_block(feed_.boot_, {.reason = "overrun", .from = next_, .to = oldest - 1});
            next_ = oldest;
        }
        while (next_ < feed_.end_ && into.size() < usual_piece)
            into += feed_.kept_[next_++ - oldest].text;
        if (wants_samples_) next_sample_ = feed_.samples_.take(next_sample_, usual_piece, into);
    }

    EventFeed& feed_;
    io::TimedEvent news_;
    std::uint64_t next_;  // the event that it is to be sent next
    const bool wants_samples_;
    std::uint64_t next_sample_ = 0;
    std::string opening_;
    bool ended_ = false;
};

EventFeed::EventFeed(io::Ring& ring, ControlEvents& events, snapshot::Publisher& publisher)
    : ring_(ring),
      boot_(present_microseconds()),
      end_(events.last_sequence() + 1),
      samples_(ring, publisher, [this] { wake_all(); }) {
    subscriptions_ = events.subscribe_all([this](const auto& event) { keep(event); });
}

std::shared_ptr<ResponseStream> EventFeed::follow(const Wish& wish) {
    if (count_ >= most_streams) return nullptr;
    auto stream = std::make_shared<Stream>(*this, wish);
    if (is_closed_) stream->end();
    return stream;
}

void EventFeed::end_streams() noexcept {
    busy_.for_each([](Stream& stream) { stream.end(); });
    waiting_.for_each([](Stream& stream) { stream.end(); });
}

void EventFeed::close() noexcept {
    is_closed_ = true;
    end_streams();
}

void EventFeed::keep(const Event& event) {
    end_ = mark_of(event).sequence + 1;
    kept_.push_back({mark_of(event).sequence, event_block(boot_, event)});
    kept_bytes_ += kept_.back().text.size();
    while (kept_.size() > most_kept || kept_bytes_ > most_kept_bytes) {
        kept_bytes_ -= kept_.front().text.size();
        kept_.pop_front();
    }
    wake_all();
}

void EventFeed::wake_all() noexcept {
    // Each is told once, however many events come before it looks.
    while (Stream* const stream = waiting_.pop_front()) {
        busy_.push_back(*stream);
        stream->tell();
    }
}

}  // namespace penstock::control
