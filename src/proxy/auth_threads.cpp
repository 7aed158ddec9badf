#include "proxy/auth_threads.hpp"

#include <cerrno>
#include <mutex>
#include <utility>

#include <pthread.h>

#include "base/assert.hpp"

namespace penstock::proxy {

AuthThreads::AuthThreads(unsigned threads) {
    PENSTOCK_ASSERT(::sem_init(&wanted_, 0, 0) == 0);
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] {
            ::pthread_setname_np(::pthread_self(), "penstock-auth");
            run();
        });
    }
}

AuthThreads::~AuthThreads() {
    for (std::size_t i = 0; i < threads_.size(); ++i) ::sem_post(&wanted_);
    for (std::thread& thread : threads_) thread.join();
    ::sem_destroy(&wanted_);
}

bool AuthThreads::submit(AuthWork& work) noexcept {
    {
        const std::lock_guard guard(lock_);
        if (queued_ == most_queued) return false;
        ++queued_;
        queue_.push_back(work);
    }
    ::sem_post(&wanted_);
    return true;
}

AuthWork* AuthThreads::take() noexcept {
    const std::lock_guard guard(lock_);
    AuthWork* const work = queue_.pop_front();
    if (work != nullptr) --queued_;
    return work;
}

/// Woken without finding anything: that is the end.
void AuthThreads::run() noexcept {
    for (;;) {
        while (::sem_wait(&wanted_) != 0 && errno == EINTR) {
        }
        AuthWork* const work = take();
        if (work == nullptr) return;
        work->run();
    }
}

}  // namespace penstock::proxy
