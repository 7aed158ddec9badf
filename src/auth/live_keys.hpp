// LiveKeys: a key set that is fetched, and fetched again, while tokens are verified with it.
//
// Any thread: one sets it, many read. A set that has been got stays whole for as long as it is
// held.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "auth/jwk_set.hpp"
#include "base/spin_lock.hpp"

namespace penstock::auth {

class LiveKeys {
  public:
    using SetPtr = std::shared_ptr<const JwkSet>;

    void set(SetPtr keys) noexcept {
        const std::lock_guard guard(lock_);
        keys_.swap(keys);  // what there was is freed once the lock has been given back
    }
    /// Null until there is one.
    SetPtr get() const noexcept {
        const std::lock_guard guard(lock_);
        return keys_;
    }

    /// A token names a key that is not there: there may be a newer set.
    void wish_for_newer() noexcept { wished_for_.store(true, std::memory_order_relaxed); }
    /// Whether somebody has wished for one since this was asked last.
    bool take_wish() noexcept { return wished_for_.exchange(false, std::memory_order_relaxed); }

  private:
    mutable SpinLock lock_;
    SetPtr keys_;
    std::atomic<bool> wished_for_{false};
};

}  // namespace penstock::auth
