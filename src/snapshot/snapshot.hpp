// Snapshot: everything the data path reads of the configuration, as one immutable version.
//
// Built by the control thread, read by every worker through its Reader; never changed once
// published.
#pragma once

#include <memory>
#include <string_view>

#include "snapshot/certificates.hpp"
#include "snapshot/host_table.hpp"

namespace penstock::snapshot {

struct Snapshot {
    HostTable hosts;
    /// Shared by all versions that differ in routes alone; never null.
    std::shared_ptr<const CertificateTable> certificate_table =
        std::make_shared<CertificateTable>();

    /// The route that answers for `host`: lower case, without port and trailing dot; null: none.
    const Route* match(std::string_view host) const noexcept { return hosts.match(host); }
    const CertificateTable& certificates() const noexcept { return *certificate_table; }
};

}  // namespace penstock::snapshot
