#include "io/mailbox.hpp"

#include <cstdint>
#include <memory>
#include <utility>

#include <unistd.h>

namespace penstock::io {

struct Mailbox::Action : Message {
    explicit Action(std::function<void()> f) : Message(&Action::run), function(std::move(f)) {}

    static void run(Message& message) {
        const std::unique_ptr<Action> action(static_cast<Action*>(&message));
        action->function();
    }

    std::function<void()> function;
};

Mailbox::~Mailbox() {
    for (Message* message = head_.load(); message != nullptr;) {
        Message* unread = std::exchange(message, message->next_);
        if (unread->deliver_ == &Action::run) delete static_cast<Action*>(unread);
    }
}

void Mailbox::post(std::function<void()> action) {
    post(*new Action(std::move(action)));
}

void Mailbox::post(Message& message) noexcept {
    Message* newest = head_.load(std::memory_order_relaxed);
    // seq_cst with prepare_to_sleep(): either this sees sleeping_, or the owner sees the message.
    // Once it is in, the owner may deliver and free it: it is not touched again.
    do {
        message.next_ = newest;
    } while (!head_.compare_exchange_weak(newest, &message, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    if (sleeping_.exchange(false, std::memory_order_seq_cst)) {
        const std::uint64_t one = 1;
        // Can only fail when the counter is full, and then the owner is awake already.
        [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
    }
}

bool Mailbox::prepare_to_sleep() noexcept {
    sleeping_.store(true, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) == nullptr) return true;
    sleeping_.store(false, std::memory_order_relaxed);
    return false;
}

bool Mailbox::deliver_all() {
    if (head_.load(std::memory_order_relaxed) == nullptr) return false;
    Message* newest_first = head_.exchange(nullptr, std::memory_order_acquire);
    Message* in_order = nullptr;
    while (newest_first != nullptr) {
        Message* message = std::exchange(newest_first, newest_first->next_);
        message->next_ = std::exchange(in_order, message);
    }
    while (in_order != nullptr) {
        Message* message = std::exchange(in_order, in_order->next_);
        message->deliver_(*message);
    }
    return true;
}

}  // namespace penstock::io
