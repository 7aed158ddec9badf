// SKELETON: see the health branch.
#pragma once
#include "snapshot/live_change.hpp"
#include "snapshot/route.hpp"
namespace penstock::proxy {
inline void report_failure(const snapshot::Route&, const snapshot::Upstream&, int, TimePoint,
                           const snapshot::TellControl&) {}
}  // namespace penstock::proxy
