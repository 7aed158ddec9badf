#include "control/epoch_wait.hpp"

namespace penstock::control {

io::Task<void> EpochWait::until_passed(std::uint64_t epoch) {
    if (released_ || publisher_.await(epoch)) co_return;
    Waiter waiter(ring_, epoch);
    waiters_.push_back(waiter);
    co_await waiter.passed.wait();
    waiter.unlink();
}

void EpochWait::workers_moved() {
    waiters_.for_each([&](Waiter& waiter) {
        if (!waiter.passed.is_set() && publisher_.await(waiter.epoch)) waiter.passed.set();
    });
}

void EpochWait::release() {
    released_ = true;
    waiters_.for_each([](Waiter& waiter) { waiter.passed.set(); });
}

}  // namespace penstock::control
