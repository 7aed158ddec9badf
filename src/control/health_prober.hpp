// HealthProber: asks the dead backends whether they live again, and revives those that do (SPEC
// section 6).
//
// Control thread only. Each dead backend is asked every `health.recheck` (±10%), and every second
// while its route has none that serves. Probes start on schedule whatever became of the one before:
// a backend has at most two under way, the first with its whole time-out, the second given up for a
// fresh one each time, so that one that hangs does not hide a return. Over all backends at most
// most_probes are under way; who is due waits its turn, the longest due first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <penstock/config.hpp>

#include "base/random.hpp"
#include "control/configuration.hpp"
#include "control/health_probe.hpp"
#include "io/ring.hpp"

namespace penstock::control {

class HealthProber {
  public:
    static constexpr std::size_t most_probes = 256;
    /// Between two probes of a backend whose route has none that serves, at most.
    static constexpr Duration urgent_period = std::chrono::seconds(1);

    /// Told of each backend that has been revived; its route is still to be published anew.
    using Revived = std::function<void(const Configuration::PublishedBackend&)>;

    /// All must outlive the prober.
    HealthProber(io::Ring& ring, const Configuration& configuration, Revived revived);
    HealthProber(const HealthProber&) = delete;
    HealthProber& operator=(const HealthProber&) = delete;
    /// It has stopped.
    ~HealthProber();

    /// Takes up the route's dead backends. To be called when the route has been published, and when
    /// a backend of it has died.
    void look_at(const RouteConfig& config, const snapshot::Route& route);

    /// Ends the probes under way; stopped() is true once all have let go.
    void stop();
    bool stopped() const noexcept { return stopping_ && running_.empty(); }

    std::size_t probes() const noexcept { return running_.size(); }

  private:
    using Key = std::uint64_t;  // a BackendName
    struct Running;

    /// A dead backend.
    struct Patient {
        TimePoint asked;             // last, or when it was taken up
        TimePoint due;               // as it stands in queue_
        std::int64_t permille = 0;   // of the recheck period, for this time
        Running* steady = nullptr;   // a probe under way, to its end
        Running* another = nullptr;  // given up when the next one is due
    };
    /// A probe under way.
    struct Running {
        Running(Key k, std::uint32_t e, io::Ring& ring, ProbeTarget target)
            : key(k), epoch(e), probe(ring, std::move(target)) {}
        Key key;
        std::uint32_t epoch;  // of the backend's health when the probe began
        HealthProbe probe;
    };
    struct DueTimer : io::Timer {
        explicit DueTimer(HealthProber& p) noexcept : Timer(&HealthProber::on_due), prober(p) {}
        HealthProber& prober;
    };

    static void on_due(io::Timer& timer);
    void start_due();
    void start(Key key, Patient& patient, const Configuration::PublishedBackend& backend);
    io::Task<void> run(Running& running);
    void finished(Running& running, bool lives);
    void schedule(Key key, Patient& patient, TimePoint due);
    void forget(Key key);
    void arm();

    io::Ring& ring_;
    const Configuration& configuration_;
    Revived revived_;
    Random random_;
    std::map<Key, Patient> patients_;
    std::set<std::pair<TimePoint, Key>> queue_;  // by when they are due
    std::map<const Running*, std::unique_ptr<Running>> running_;
    DueTimer timer_{*this};
    bool stopping_ = false;
};

}  // namespace penstock::control
