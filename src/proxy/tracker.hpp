// Tracker: counts what one worker does, per route, per backend and in all (SPEC section 10).
//
// Of one worker, on its thread. A request that has matched a route is begun once and ended once;
// between them it is active, or queued while it waits. Each call adds to the route's Series and to
// the worker's own; an attempt at a backend adds to that backend's. Nothing is allocated but a
// route's or backend's first Series on this worker.
#pragma once

#include <cstdint>

#include "snapshot/request_record.hpp"
#include "snapshot/totals.hpp"

namespace penstock::proxy {

class Tracker {
  public:
    Tracker(unsigned worker, snapshot::Totals& totals)
        : worker_(worker),
          own_(totals.by_worker[worker]),
          everything_(totals.everything.of(worker)) {}
    Tracker(const Tracker&) = delete;
    Tracker& operator=(const Tracker&) = delete;

    /// A head has matched the route.
    void received(const snapshot::Route& route, TimePoint now) noexcept {
        const snapshot::Moment moment = snapshot::moment_of(now);
        snapshot::Series& series = of(route);
        series.begin(moment);
        series.prefetch();
        everything_.begin(moment);
    }
    /// The request, active until now, waits; or waits no longer, also where it ends instead.
    void queued(const snapshot::Route& route) noexcept {
        of(route).queue();
        everything_.queue();
    }
    void dequeued(const snapshot::Route& route) noexcept {
        of(route).dequeue();
        everything_.dequeue();
    }
    /// The same where it waits for its auth provider.
    void queued_for_auth(const snapshot::Route& route) noexcept {
        of(route).queue_for_auth();
        everything_.queue_for_auth();
    }
    void dequeued_from_auth(const snapshot::Route& route) noexcept {
        of(route).dequeue_from_auth();
        everything_.dequeue_from_auth();
    }
    /// Subscriber to request.completed: ends what received() began; without a route it is unrouted.
    void ended(const snapshot::RequestRecord& record) noexcept;

    /// A backend has been picked; balanced by attempt_ended().
    void attempt_began(const snapshot::Upstream& upstream, TimePoint now) noexcept {
        snapshot::Series& series = of(upstream);
        series.begin(snapshot::moment_of(now));
        series.prefetch();
    }
    void attempt_ended(const snapshot::Upstream& upstream,
                       const snapshot::AttemptRecord& record) noexcept;

    void shed() noexcept { increment(own_.shed); }
    void connection_opened() noexcept { increment(own_.connections_opened); }
    void connection_closed() noexcept { increment(own_.connections_closed); }

  private:
    snapshot::Series& of(const snapshot::Route& route) noexcept {
        return route.live->series.of(worker_);
    }
    snapshot::Series& of(const snapshot::Upstream& upstream) noexcept {
        return upstream.live->series.of(worker_);
    }
    static void increment(std::atomic<std::uint64_t>& number) noexcept {
        number.store(number.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    const unsigned worker_;
    snapshot::WorkerTotals& own_;
    snapshot::Series& everything_;
};

}  // namespace penstock::proxy
