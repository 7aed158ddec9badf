// AuthThreads: the threads on which passwords are checked (--auth-threads), so that no worker's
// loop waits for a hash that is slow by intent (SPEC section 8).
//
// One of the process, made before its workers and ended after them. What is to be done waits in one
// bounded queue, first in, first out; who submits never sleeps: a spin lock held for some
// nanoseconds, and a semaphore's post.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <semaphore.h>

#include "base/intrusive_list.hpp"
#include "base/spin_lock.hpp"

namespace penstock::proxy {

/// Lives in whoever submits it, until run() has been called.
class AuthWork : public ListNode<AuthWork> {
  public:
    /// On an auth thread, once. It may free itself, or be freed as soon as another thread learns of
    /// it.
    virtual void run() noexcept = 0;

  protected:
    ~AuthWork() = default;
};

class AuthThreads {
  public:
    static constexpr std::size_t most_queued = 1'024;

    explicit AuthThreads(unsigned threads);
    AuthThreads(const AuthThreads&) = delete;
    AuthThreads& operator=(const AuthThreads&) = delete;
    /// Nobody submits any more. Does what is queued first.
    ~AuthThreads();

    /// Any thread. False: too much is waiting already.
    bool submit(AuthWork& work) noexcept;

  private:
    void run() noexcept;
    AuthWork* take() noexcept;

    SpinLock lock_;  // of the queue
    IntrusiveList<AuthWork> queue_;
    std::size_t queued_ = 0;
    sem_t wanted_;  // as often as there is work, and once a thread at the end
    std::vector<std::thread> threads_;
};

}  // namespace penstock::proxy
