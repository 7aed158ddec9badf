// EventBus: what happens is told to whoever asked for it; who tells knows nobody of them.
//
//   EventBus<Opened, Closed> bus;
//   Subscription subscription = bus.subscribe<Opened>([](const Opened& event) { … });
//   bus.publish(Opened{…});   // calls it now, on this thread
//
// One thread: the one that the bus belongs to. Publishing allocates nothing, and costs one
// comparison where nobody listens; where an event costs something to make, ask has_subscribers()
// first. Callbacks run in the order of their subscription. They may subscribe (which counts from
// the next event on), end any subscription, their own too (at once), and publish. The bus outlives
// its subscriptions. Events are types; a type may be incomplete where it only passes through.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace penstock {

namespace event_bus {

/// A callback, whatever its event.
struct Subscriber {
    Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    virtual ~Subscriber() = default;

    bool cancelled = false;
};

/// The subscribers of one event, but for what its type decides.
class ChannelBase {
  public:
    ChannelBase() = default;
    ChannelBase(const ChannelBase&) = delete;
    ChannelBase& operator=(const ChannelBase&) = delete;
    ~ChannelBase() { PENSTOCK_ASSERT(count_ == 0); }

    bool has_subscribers() const noexcept { return count_ != 0; }

    Subscriber& add(std::unique_ptr<Subscriber> subscriber) {
        subscribers_.push_back(std::move(subscriber));
        ++count_;
        return *subscribers_.back();
    }

    /// Not called again; freed at once, or when the event that is being told has been told.
    void cancel(Subscriber& subscriber) {
        subscriber.cancelled = true;
        --count_;
        any_cancelled_ = true;
        if (telling_ == 0) free_cancelled();
    }

  protected:
    /// Calls visit(subscriber) for those who are there now and stay meanwhile.
    template <class Visit>
    void for_each(Visit&& visit) {
        struct Telling {
            explicit Telling(ChannelBase& c) noexcept : channel(c) { ++channel.telling_; }
            ~Telling() {
                if (--channel.telling_ == 0 && channel.any_cancelled_) channel.free_cancelled();
            }
            ChannelBase& channel;
        };
        const Telling telling(*this);
        const std::size_t size = subscribers_.size();
        for (std::size_t i = 0; i < size; ++i) {
            if (!subscribers_[i]->cancelled) visit(*subscribers_[i]);
        }
    }

  private:
    void free_cancelled() {
        // A callback's end may end further subscriptions: by then the list is in order.
        std::vector<std::unique_ptr<Subscriber>> freed;
        for (auto& subscriber : subscribers_)
            if (subscriber->cancelled) freed.push_back(std::move(subscriber));
        std::erase(subscribers_, nullptr);
        any_cancelled_ = false;
    }

    std::vector<std::unique_ptr<Subscriber>> subscribers_;
    std::size_t count_ = 0;  // of those not cancelled
    unsigned telling_ = 0;   // how many events are being told, one inside the other
    bool any_cancelled_ = false;
};

template <class Event>
class Channel : public ChannelBase {
  public:
    using Callback = std::function<void(const Event&)>;

    Subscriber& subscribe(Callback callback) {
        return add(std::make_unique<Caller>(std::move(callback)));
    }
    void publish(const Event& event) {
        if (!has_subscribers()) return;
        for_each(
            [&event](Subscriber& subscriber) { static_cast<Caller&>(subscriber).callback(event); });
    }

  private:
    struct Caller final : Subscriber {
        explicit Caller(Callback c) noexcept : callback(std::move(c)) {}
        Callback callback;
    };
};

}  // namespace event_bus

/// Lasts until it ends or is moved from. On the bus's thread.
class [[nodiscard]] Subscription {
  public:
    Subscription() = default;
    Subscription(event_bus::ChannelBase& channel, event_bus::Subscriber& subscriber) noexcept
        : channel_(&channel), subscriber_(&subscriber) {}
    Subscription(Subscription&& other) noexcept
        : channel_(std::exchange(other.channel_, nullptr)), subscriber_(other.subscriber_) {}
    Subscription& operator=(Subscription&& other) noexcept {
        if (this != &other) {
            end();
            channel_ = std::exchange(other.channel_, nullptr);
            subscriber_ = other.subscriber_;
        }
        return *this;
    }
    ~Subscription() { end(); }

    void end() {
        if (auto* channel = std::exchange(channel_, nullptr)) channel->cancel(*subscriber_);
    }

  private:
    event_bus::ChannelBase* channel_ = nullptr;
    event_bus::Subscriber* subscriber_ = nullptr;
};

template <class... Events>
class EventBus {
  public:
    template <class Event>
    Subscription subscribe(std::function<void(const Event&)> callback) {
        auto& channel = channel_of<Event>();
        return {channel, channel.subscribe(std::move(callback))};
    }

    /// `callback` takes each of the events.
    template <class Callback>
    [[nodiscard]] std::vector<Subscription> subscribe_all(const Callback& callback) {
        std::vector<Subscription> subscriptions;
        (subscriptions.push_back(subscribe<Events>(callback)), ...);
        return subscriptions;
    }

    template <class Event>
    bool has_subscribers() const noexcept {
        return std::get<event_bus::Channel<Event>>(channels_).has_subscribers();
    }

    template <class Event>
    void publish(const Event& event) {
        channel_of<Event>().publish(event);
    }

  private:
    template <class Event>
    event_bus::Channel<Event>& channel_of() noexcept {
        return std::get<event_bus::Channel<Event>>(channels_);
    }

    std::tuple<event_bus::Channel<Events>...> channels_;
};

}  // namespace penstock
