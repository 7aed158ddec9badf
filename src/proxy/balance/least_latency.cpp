// LEAST_LATENCY: the lowest time to first byte, with the requests that already wait for it counted
// in: score = latency x (in flight + 1) / weight, over all workers. The moving average is
// snapshot::RecentLatency (after Finagle's peak-EWMA).
//
// All upstreams of a small route are compared. In a large one it is the better of two drawn by
// weight (Mitzenmacher, 2001, the power of two choices): nearly as good, and no stampede to the one
// that looks best to every worker at once. A backend whose latency is not known, or was long ago,
// gets one trial at a time, before anyone else.
#include <chrono>

#include "proxy/balance/strategy.hpp"

namespace penstock::proxy::balance {

namespace {

using snapshot::RecentLatency;

constexpr std::size_t most_scanned = 16;
/// Of two choices: how many draws are made to find them.
constexpr int most_draws = 8;
/// What a backend is taken to need while its first trial is under way.
constexpr std::uint64_t unknown_ticks = RecentLatency::ticks_of(std::chrono::seconds(1));

/// The best so far of those offered, or the first that is due for a trial.
class Contest {
  public:
    explicit Contest(const Choice& choice) noexcept : choice_(choice) {}

    /// True where it is settled: this one gets a trial.
    bool offer(const snapshot::Upstream& upstream) noexcept {
        snapshot::BackendLoad& load = upstream.live->load;
        const RecentLatency::Estimate estimate = load.latency.estimate(choice_.now);
        if (!estimate.is_current && load.latency.take_trial(choice_.now)) {
            best_ = &upstream;
            return true;
        }
        const auto ticks =
            static_cast<double>(estimate.ticks == 0 ? unknown_ticks : estimate.ticks);
        const double waiting = load.in_flight.load(std::memory_order_relaxed);
        const double score = ticks * (waiting + 1) / upstream.weight;
        if (best_ == nullptr || score < best_score_) {
            best_ = &upstream;
            best_score_ = score;
        }
        return false;
    }

    const snapshot::Upstream* best() const noexcept { return best_; }

  private:
    const Choice& choice_;
    const snapshot::Upstream* best_ = nullptr;
    double best_score_ = 0;
};

const snapshot::Upstream* best_of_all(const snapshot::Route& route, const Choice& choice) noexcept {
    Contest contest(choice);
    const std::size_t count = route.upstreams.size();
    // From anywhere: where few requests come, and each is a trial, all shall have them.
    std::size_t next = count == 0 ? 0 : choice.random.below(count);
    for (std::size_t i = 0; i < count; ++i) {
        const snapshot::Upstream& upstream = route.upstreams[next];
        if (is_eligible(upstream, choice) && contest.offer(upstream)) break;
        if (++next == count) next = 0;
    }
    return contest.best();
}

const snapshot::Upstream* best_of_two(const snapshot::Route& route, const Choice& choice) noexcept {
    Contest contest(choice);
    const snapshot::Upstream* first = nullptr;
    for (int draw = 0; draw < most_draws; ++draw) {
        const std::uint64_t place = choice.random.below(route.sequence.size());
        const snapshot::Upstream& upstream = route.upstreams[route.sequence[place]];
        if (&upstream == first || !is_eligible(upstream, choice)) continue;
        if (contest.offer(upstream) || first != nullptr) break;
        first = &upstream;
    }
    return contest.best();
}

}  // namespace

const snapshot::Upstream* least_latency(const snapshot::Route& route,
                                        const Choice& choice) noexcept {
    const snapshot::Upstream* best = nullptr;
    if (route.upstreams.size() > most_scanned && !route.sequence.empty())
        best = best_of_two(route, choice);
    return best != nullptr ? best : best_of_all(route, choice);
}

}  // namespace penstock::proxy::balance
