#include "io/mailbox.hpp"

#include <cstdint>
#include <utility>

#include <unistd.h>

namespace penstock::io {

Mailbox::~Mailbox() {
    for (Message* message = head_.load(); message != nullptr;) {
        delete std::exchange(message, message->next);
    }
}

void Mailbox::post(std::function<void()> action) {
    auto* message = new Message(std::move(action));
    message->next = head_.load(std::memory_order_relaxed);
    // seq_cst with prepare_to_sleep(): either this sees sleeping_, or the owner sees the message.
    while (!head_.compare_exchange_weak(message->next, message, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
    }
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
        Message* message = std::exchange(newest_first, newest_first->next);
        message->next = std::exchange(in_order, message);
    }
    while (in_order != nullptr) {
        Message* message = std::exchange(in_order, in_order->next);
        message->deliver();
        delete message;
    }
    return true;
}

}  // namespace penstock::io
