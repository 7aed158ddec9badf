// LiveChange: what a worker tells the control thread of a backend's live state.
//
// A plain value; delivered through the control thread's mailbox, in order for each worker.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "snapshot/live_state.hpp"

namespace penstock::snapshot {

struct LiveChange {
    enum class Kind : std::uint8_t { died, circuit_opened, circuit_half_opened, circuit_closed };

    Kind kind = Kind::died;
    BackendName backend;
    int error = 0;  // of Kind::died: the errno of the failure that did it
    /// Of Kind::died: TLS's own words for it, of static storage; empty: the errno says it.
    std::string_view tls_reason{};
};

/// Given to workers at their start; called on a worker's thread, must not block.
using TellControl = std::function<void(const LiveChange&)>;

}  // namespace penstock::snapshot
