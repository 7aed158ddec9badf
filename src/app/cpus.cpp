#include "app/cpus.hpp"

#include <algorithm>
#include <fstream>
#include <string>

#include <sched.h>

#include "base/bytes.hpp"

namespace penstock::app {

namespace {

/// The path of our own group in the unified hierarchy: the line "0::/path" of /proc/self/cgroup.
std::string cgroup_path() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::")) return line.substr(3);
    }
    return {};
}

/// "max 100000" or "150000 100000": microseconds in each period.
std::optional<unsigned> read_quota(const std::string& directory) {
    std::ifstream file("/sys/fs/cgroup" + directory + "/cpu.max");
    std::string quota;
    std::string period;
    if (!(file >> quota >> period)) return std::nullopt;
    const auto quota_us = parse_decimal(quota);
    const auto period_us = parse_decimal(period);
    if (!quota_us || !period_us || *period_us == 0) return std::nullopt;
    return static_cast<unsigned>(
        std::max<std::uint64_t>((*quota_us + *period_us - 1) / *period_us, 1));
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    std::vector<unsigned> cpus;
    if (::sched_getaffinity(0, sizeof(mask), &mask) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
        }
    }
    if (cpus.empty()) cpus.push_back(0);
    return cpus;
}

std::optional<unsigned> cgroup_cpus() {
    std::optional<unsigned> least;
    // Every group above ours may set a quota too.
    for (std::string path = cgroup_path(); !path.empty(); path.erase(path.rfind('/'))) {
        const auto quota = read_quota(path == "/" ? "" : path);
        if (quota) least = std::min(least.value_or(*quota), *quota);
        if (path == "/") break;
    }
    return least;
}

std::vector<std::optional<unsigned>> place_workers(const Options& options) {
    const auto* listed = std::get_if<std::vector<unsigned>>(&options.pinning);
    const std::vector<unsigned> cpus = listed != nullptr ? *listed : allowed_cpus();
    auto count = static_cast<unsigned>(cpus.size());
    const auto quota = cgroup_cpus();
    if (listed == nullptr && quota) count = std::min(count, *quota);
    count = options.workers.value_or(count);
    // Fewer CPU seconds than CPUs: pinning would tie a worker to a busy one while others idle.
    const bool pin =
        !std::holds_alternative<PinOff>(options.pinning) && (listed != nullptr || !quota);
    std::vector<std::optional<unsigned>> places(count);
    for (unsigned worker = 0; pin && worker < count; ++worker)
        places[worker] = cpus[worker % cpus.size()];
    return places;
}

}  // namespace penstock::app
