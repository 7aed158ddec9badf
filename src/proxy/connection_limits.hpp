// How many clients may be connected at once, over all workers: in all, and of one address.
//
// Taken and given back once a connection, never once a request. The total is one atomic counter.
// The count by address exists only where --max-per-address asks for it: it must be exact over all
// workers, so it is a table in 64 parts, each behind a spin lock that is held for one hash look-up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock::proxy {

class ConnectionLimits {
  public:
    ConnectionLimits(std::uint64_t most, std::uint32_t most_per_address) noexcept
        : most_(most), most_per_address_(most_per_address) {}

    /// False where the process is full.
    bool enter() noexcept;
    void leave() noexcept { total_.fetch_sub(1, std::memory_order_relaxed); }
    /// So few places are left that connections should be taken one by one.
    bool nearly_full() const noexcept {
        return total_.load(std::memory_order_relaxed) + batch_margin > most_;
    }

    bool counts_addresses() const noexcept { return most_per_address_ != 0; }
    /// False where this address (its bytes or text) has all it may have. Only where
    /// counts_addresses().
    bool enter_address(std::string_view address);
    void leave_address(std::string_view address);

  private:
    static constexpr std::uint64_t batch_margin = 1'024;
    static constexpr std::size_t parts = 64;

    struct alignas(64) Part {
        std::atomic_flag busy = ATOMIC_FLAG_INIT;
        std::unordered_map<std::string, std::uint32_t> connections;
    };
    Part& part_of(std::string_view address) noexcept;

    std::uint64_t most_;
    std::uint32_t most_per_address_;
    alignas(64) std::atomic<std::uint64_t> total_{0};
    std::array<Part, parts> parts_;
};

}  // namespace penstock::proxy
