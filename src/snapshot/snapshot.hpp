// Snapshot: everything the data path reads of the configuration, as one immutable version.
//
// Built by the control thread, read by every worker through its Reader; never changed once
// published.
#pragma once

#include <string_view>

#include "snapshot/host_table.hpp"

namespace penstock::snapshot {

struct Snapshot {
    HostTable hosts;

    /// The route that answers for `host`: lower case, without port and trailing dot; null: none.
    const Route* match(std::string_view host) const noexcept { return hosts.match(host); }
};

}  // namespace penstock::snapshot
