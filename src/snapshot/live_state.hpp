// What outlives snapshots and is seen by every worker: one object per identity, never inside the
// table.
//
// Handed out and freed by the control thread (live_registry.hpp); a published Route refers to it
// for as long as that Route lives. Workers touch the atomics alone. Each object has its own cache
// line.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::snapshot {

/// Of a route; identity: its vHost.
struct alignas(64) RouteLive {
    /// Next place in the ROUND_ROBIN sequence, shared by all workers so that the cycle is exact.
    std::atomic<std::uint64_t> cursor{0};
};

/// Of a backend; identity: its route's vHost and its host:port.
struct alignas(64) BackendLive {
    /// Dense, so that workers can index by it; used again after the backend is gone, with another
    /// generation.
    std::uint32_t id = 0;
    std::uint32_t generation = 0;
};

}  // namespace penstock::snapshot
