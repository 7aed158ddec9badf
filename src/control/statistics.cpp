#include "control/statistics.hpp"

#include <algorithm>
#include <cstdio>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::control {

using snapshot::Series;

void Statistics::add_counts(const snapshot::SeriesSet& set, snapshot::Counts& into) const noexcept {
    set.for_each([&](unsigned, const Series& series) { into += series.counts(); });
}

void Statistics::add_rates(const snapshot::SeriesSet& set, Rates& into) const noexcept {
    const std::uint32_t present = snapshot::moment_of(now_).second;
    const std::uint32_t lived = present - snapshot::moment_of(totals_.started).second;
    const auto rate_over = [&](std::uint32_t seconds) {
        const std::uint32_t whole = std::min(seconds, lived);
        if (whole == 0) return 0.0;
        std::uint64_t begun = 0;
        set.for_each([&](unsigned, const Series& series) {
            begun += series.begun_between(present - whole, present - 1);
        });
        return static_cast<double>(begun) / whole;
    };
    into.last_second += rate_over(1);
    into.last_10_seconds += rate_over(10);
    into.last_60_seconds += rate_over(60);
}

void Statistics::add_latencies(const snapshot::SeriesSet& set, snapshot::Phase phase,
                               snapshot::Histogram& into) const noexcept {
    const std::uint32_t period = snapshot::moment_of(now_).period;
    set.for_each([&](unsigned worker, const Series& series) {
        series.latencies().collect(totals_.by_worker[worker].pool, period, phase, into);
    });
}

std::uint64_t Statistics::unrouted() const noexcept {
    std::uint64_t total = 0;
    for (const auto& own : totals_.by_worker) total += own.unrouted.load(std::memory_order_relaxed);
    return total;
}

std::uint64_t Statistics::shed() const noexcept {
    std::uint64_t total = 0;
    for (const auto& own : totals_.by_worker) total += own.shed.load(std::memory_order_relaxed);
    return total;
}

Connections Statistics::connections() const noexcept {
    Connections connections;
    for (const auto& own : totals_.by_worker) {
        // What has ended is read first: it cannot be more than what had begun.
        const std::uint64_t closed = own.connections_closed.load(std::memory_order_acquire);
        const std::uint64_t opened = own.connections_opened.load(std::memory_order_relaxed);
        connections.accepted += opened;
        connections.active += opened - closed;
    }
    return connections;
}

Delivered Statistics::access_log() const noexcept {
    Delivered lines{.delivered = totals_.access_log->delivered.load(std::memory_order_relaxed),
                    .dropped = totals_.access_log->dropped.load(std::memory_order_relaxed)};
    for (const auto& own : totals_.by_worker)
        lines.dropped += own.log_lines_dropped.load(std::memory_order_relaxed);
    return lines;
}

Delivered Statistics::spans() const noexcept {
    Delivered spans{.delivered = totals_.spans.delivered.load(std::memory_order_relaxed),
                    .dropped = totals_.spans.dropped.load(std::memory_order_relaxed)};
    for (const auto& own : totals_.by_worker)
        spans.dropped += own.spans_dropped.load(std::memory_order_relaxed);
    return spans;
}

std::size_t Statistics::histogram_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const auto& own : totals_.by_worker) bytes += own.pool.bytes_in_use();
    return bytes;
}

ProcessFacts process_facts() noexcept {
    ProcessFacts facts;
    if (std::FILE* const statm = std::fopen("/proc/self/statm", "re")) {
        unsigned long size = 0;
        unsigned long resident = 0;
        if (std::fscanf(statm, "%lu %lu", &size, &resident) == 2) {
            const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
            facts.resident_bytes = resident * page;
            facts.virtual_bytes = size * page;
        }
        std::fclose(statm);
    }
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0) {
        const auto seconds = [](const timeval& time) {
            return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        facts.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    // Since Linux 6.2 the number of entries, which reading them all would block us for.
    struct stat open {};
    if (::stat("/proc/self/fd", &open) == 0)
        facts.open_fds = static_cast<std::uint64_t>(open.st_size);
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) facts.most_fds = files.rlim_cur;
    return facts;
}

}  // namespace penstock::control
