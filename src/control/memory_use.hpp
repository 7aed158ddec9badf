// What may be used of the machine's memory, and what is.
//
// The bound is --max-memory, else the least that a control group (version 2) above us leaves, else
// the machine's memory. Of a group, what the kernel can take back (the file cache) does not count,
// and what it holds for us (socket buffers) does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::control {

struct MemoryBound {
    std::uint64_t bytes = 0;  // 0: none
    std::string group;        // the folder of the control group that sets it, or empty
};

/// `chosen`: what --max-memory says; 0 is no bound, empty is "find out".
MemoryBound memory_bound(std::optional<std::uint64_t> chosen);

/// Opens its files once: there may be no descriptor left when it counts. One thread.
class MemoryUse {
  public:
    explicit MemoryUse(const MemoryBound& bound);
    MemoryUse(const MemoryUse&) = delete;
    MemoryUse& operator=(const MemoryUse&) = delete;
    ~MemoryUse();

    /// Bytes, now; 0 where nobody tells.
    std::uint64_t read() const;

  private:
    std::uint64_t of_group() const;

    int resident_ = -1;  // of the process
    int charged_ = -1;   // to the group
    int parts_ = -1;     // of what is charged
};

}  // namespace penstock::control
