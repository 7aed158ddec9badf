// Metrics: what GET /metrics answers, and what has to happen between two answers for it.
//
// Control thread only. Every ten seconds finished latencies are gathered from the workers' windows,
// and where there are more routes than may be named, the busiest are looked for. An answer reads
// the named ones and everything: its cost does not depend on how many routes there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/event_bus.hpp"
#include "control/event_bus.hpp"
#include "control/metrics/busiest.hpp"
#include "control/metrics/exposition.hpp"
#include "control/metrics/metered.hpp"
#include "io/ring.hpp"

namespace penstock::control {

/// What does not change while the process runs.
struct BuildInfo {
    std::string version;
    std::string commit;
    std::string engine;
};

class Metrics {
  public:
    /// Routes and backends with names of their own, and certificates: those that expire first.
    static constexpr Metered::Bounds bounds{.routes = 200, .backends = 400};
    static constexpr std::size_t most_certificates = 1'000;

    /// `configuration` has been loaded.
    Metrics(io::Ring& ring, const Configuration& configuration, ControlEvents& events,
            BuildInfo build, Metered::Bounds named = bounds);
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;
    ~Metrics();

    /// All families, brought up to date.
    std::string text(TimePoint now);

    const Metered& metered() const noexcept { return metered_; }

  private:
    struct Round : io::Timer {
        explicit Round(Metrics& m) noexcept : Timer(&due), metrics(m) {}
        static void due(io::Timer& timer) { static_cast<Round&>(timer).metrics.make_round(); }
        Metrics& metrics;
    };
    struct Expiry {
        std::int64_t not_after = 0;  // Unix seconds
        std::string labels;
    };

    void make_round();
    void name_the_busiest(const std::vector<BusiestRoutes::Entry>& found);
    void write_process(Exposition& out, TimePoint now) const;
    void write_configuration(Exposition& out);
    void write_certificates(Exposition& out);
    void find_expiries();

    io::Ring& ring_;
    const Configuration& configuration_;
    ControlEvents& events_;
    const BuildInfo build_;
    const double started_;  // Unix seconds
    Metered metered_;
    BusiestRoutes busiest_;
    Round round_{*this};
    std::vector<Expiry> expiries_;     // the soonest first
    std::uint64_t expiries_of_ = ~0U;  // revision
    std::size_t certificates_ = 0;
    std::vector<Subscription> subscriptions_;
};

}  // namespace penstock::control
