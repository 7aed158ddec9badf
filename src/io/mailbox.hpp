// Messages between loops: any thread posts, the owning loop delivers at its next turn, in the order
// of posting.
//
// Lock-free (a Treiber stack that the owner takes whole and turns round). A sleeping loop is woken
// through its eventfd; a loop that is awake costs the sender one compare-and-swap.
#pragma once

#include <atomic>
#include <functional>

namespace penstock::io {

/// Posted with ownership; delivered once, then freed. `deliver` runs on the receiving loop's
/// thread.
struct Message {
    explicit Message(std::function<void()> action) : deliver(std::move(action)) {}

    std::function<void()> deliver;
    Message* next = nullptr;
};

class Mailbox {
  public:
    /// `wake_fd`: an eventfd that ends the owner's wait; not owned.
    explicit Mailbox(int wake_fd) noexcept : wake_fd_(wake_fd) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox();

    /// Any thread. The mailbox must outlive the call.
    void post(std::function<void()> action);

    /// Owner only: delivers what is there; true where anything was.
    bool deliver_all();

    /// Owner only, before it waits: false where something has been posted meanwhile (then do not
    /// wait).
    bool prepare_to_sleep() noexcept;
    void awake() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

  private:
    std::atomic<Message*> head_{nullptr};
    std::atomic<bool> sleeping_{false};
    int wake_fd_;
};

}  // namespace penstock::io
