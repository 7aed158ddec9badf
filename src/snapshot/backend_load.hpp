// BackendLoad: what LEAST_CONNECTIONS and LEAST_LATENCY know of a backend, over all workers.
//
// SKELETON: replaced by the balancing work.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::snapshot {

struct BackendLoad {
    std::atomic<std::uint32_t> in_flight{0};
};

}  // namespace penstock::snapshot
