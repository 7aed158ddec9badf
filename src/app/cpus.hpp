// Which CPUs this process may use, and how many workers make sense: affinity mask and cgroup quota
// honoured.
#pragma once

#include <optional>
#include <vector>

#include "app/options.hpp"

namespace penstock::app {

/// The CPUs in the affinity mask, ascending; never empty.
std::vector<unsigned> allowed_cpus();

/// Whole CPUs that a cgroup v2 quota (cpu.max) grants, rounded up; empty where there is no quota.
std::optional<unsigned> cgroup_cpus();

/// Where each worker is pinned to; an empty optional leaves that worker where the scheduler likes.
/// More workers than CPUs wrap round.
std::vector<std::optional<unsigned>> place_workers(const Options& options);

}  // namespace penstock::app
