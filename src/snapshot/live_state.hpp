// What outlives snapshots and is seen by every worker: one object per identity, never inside the
// table.
//
// Handed out and freed by the control thread (live_registry.hpp); a published Route refers to it
// for as long as that Route lives. Workers touch the atomics alone. Each object has its own cache
// lines.
#pragma once

#include <atomic>
#include <cstdint>

#include "snapshot/admission_gate.hpp"
#include "snapshot/backend_health.hpp"
#include "snapshot/backend_load.hpp"
#include "snapshot/circuit_breaker.hpp"
#include "snapshot/retry_budget.hpp"
#include "snapshot/series.hpp"

namespace penstock::snapshot {

/// Of a route; identity: its vHost.
struct alignas(64) RouteLive {
    explicit RouteLive(unsigned workers) : series(workers) {}

    /// Next place in the ROUND_ROBIN sequence, shared by all workers so that the cycle is exact.
    std::atomic<std::uint64_t> cursor{0};
    /// The version compiled last; only to be compared with.
    std::atomic<const void*> newest{nullptr};
    /// How many versions of the route without a limit have not been freed; the control thread's.
    std::uint32_t ungated_versions = 0;
    SeriesSet series;
    RetryBudget retry_budget;
    AdmissionGate gate;
};

/// Of a backend's address; identity: its route's vHost, its host:port, for a name the address, and
/// how TLS is spoken to it.
struct alignas(64) BackendLive {
    explicit BackendLive(unsigned workers) : series(workers) {}

    /// Dense, so that workers can index by it; used again after the backend is gone, with another
    /// generation.
    std::uint32_t id = 0;
    std::uint32_t generation = 0;
    BackendHealth health;
    CircuitBreaker circuit;
    SeriesSet series;
    BackendLoad load;
};

/// Names a backend's live state to other threads, also after it has been freed.
struct BackendName {
    std::uint32_t id = 0;
    std::uint32_t generation = 0;

    bool operator==(const BackendName&) const = default;
};

inline BackendName name_of(const BackendLive& live) noexcept {
    return {live.id, live.generation};
}

}  // namespace penstock::snapshot
