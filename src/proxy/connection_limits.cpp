#include "proxy/connection_limits.hpp"

#include <functional>
#include <thread>

namespace penstock::proxy {

namespace {

constexpr int spins_before_yield = 100;

class SpinGuard {
  public:
    explicit SpinGuard(std::atomic_flag& flag) noexcept : flag_(flag) {
        for (int spins = 0; flag_.test_and_set(std::memory_order_acquire); ++spins) {
            if (spins == spins_before_yield) {
                std::this_thread::yield();
                spins = 0;
            }
        }
    }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;
    ~SpinGuard() { flag_.clear(std::memory_order_release); }

  private:
    std::atomic_flag& flag_;
};

}  // namespace

bool ConnectionLimits::enter() noexcept {
    std::uint64_t total = total_.load(std::memory_order_relaxed);
    while (total < most_) {
        if (total_.compare_exchange_weak(total, total + 1, std::memory_order_relaxed)) return true;
    }
    return false;
}

ConnectionLimits::Part& ConnectionLimits::part_of(std::string_view address) noexcept {
    return parts_[std::hash<std::string_view>{}(address) % parts];
}

bool ConnectionLimits::enter_address(std::string_view address) {
    Part& part = part_of(address);
    const SpinGuard guard(part.busy);
    std::uint32_t& count = part.connections[std::string(address)];
    if (count >= most_per_address_) return false;
    ++count;
    return true;
}

void ConnectionLimits::leave_address(std::string_view address) {
    Part& part = part_of(address);
    const SpinGuard guard(part.busy);
    const auto found = part.connections.find(std::string(address));
    if (found != part.connections.end() && --found->second == 0) part.connections.erase(found);
}

}  // namespace penstock::proxy
