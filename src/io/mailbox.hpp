// Messages between loops: any thread posts, the owning loop delivers at its next turn, in the order
// of posting.
//
// Lock-free (a Treiber stack that the owner takes whole and turns round). A sleeping loop is woken
// through its eventfd; a loop that is awake costs the sender one compare-and-swap.
#pragma once

#include <atomic>
#include <functional>

namespace penstock::io {

/// Lives in whoever sends it (derive from it), so that posting allocates nothing. It belongs to the
/// mailbox until `deliver` is called, on the receiving loop's thread, with the message itself: from
/// then on it may be posted again, or freed.
class Message {
  public:
    using Deliver = void (*)(Message&);

    explicit Message(Deliver deliver) noexcept : deliver_(deliver) {}
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

  private:
    friend class Mailbox;

    Deliver deliver_;
    Message* next_ = nullptr;
};

class Mailbox {
  public:
    /// `wake_fd`: an eventfd that ends the owner's wait; not owned.
    explicit Mailbox(int wake_fd) noexcept : wake_fd_(wake_fd) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    /// Actions that have not been delivered are dropped.
    ~Mailbox();

    /// Any thread. The mailbox must outlive the call.
    void post(Message& message) noexcept;
    /// The same for what has no message of its own: allocates one.
    void post(std::function<void()> action);

    /// Owner only: delivers what is there; true where anything was.
    bool deliver_all();

    /// Owner only, before it waits: false where something has been posted meanwhile (then do not
    /// wait).
    bool prepare_to_sleep() noexcept;
    void awake() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

  private:
    struct Action;

    std::atomic<Message*> head_{nullptr};
    std::atomic<bool> sleeping_{false};
    int wake_fd_;
};

}  // namespace penstock::io
