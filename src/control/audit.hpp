// The audit: one line in the log for each write that the API was asked for, done or refused.
//
// Never a secret: no body, no field, and of the query nothing but whether it is a dry run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/message.hpp"
#include "http/status.hpp"

namespace penstock::control {

/// Valid while it is told of.
struct AuditRecord {
    const Caller& caller;
    const ApiRequest& request;
    std::uint64_t revision_before = 0;
    std::uint64_t revision_after = 0;  // the same: nothing has changed
    http::Status status{};
};

/// To the log, at level info.
void log_audit(const AuditRecord& record);

/// `text` for a log: printable ASCII, whatever else as %XX, and its end as "..." where it is longer
/// than anybody reads.
std::string loggable(std::string_view text);

}  // namespace penstock::control
