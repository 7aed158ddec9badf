// Publisher: makes snapshots from changes of the configuration, hands them to the workers, and
// frees what nobody uses any more.
//
// Owned and called by the control thread; workers touch their Reader only. A publication costs what
// changed, not what exists. A Route that left the table lives on while a request holds it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <penstock/config.hpp>

#include "snapshot/certificates.hpp"
#include "snapshot/compile.hpp"
#include "snapshot/live_registry.hpp"
#include "snapshot/reader.hpp"
#include "snapshot/slot_pool.hpp"
#include "snapshot/snapshot.hpp"
#include "snapshot/totals.hpp"

namespace penstock::snapshot {

/// One step of a publication: the route of `v_host` becomes `config`, or goes where that is null.
struct RouteChange {
    std::string v_host;
    const RouteConfig* config = nullptr;
    /// By place in the backends; empty: every hostname is an address, and none is in maintenance.
    std::vector<BackendState> states{};
    /// That of `config->ssl`, checked; null: it has none.
    CertificatePtr certificate{};
    /// That of `config->auth_provider`; null where it names none, or one that there is not.
    AuthProviderPtr auth{};
};

class Publisher {
  public:
    Publisher();
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;
    /// All readers have been removed.
    ~Publisher();

    /// Called on a worker's thread, once for each await() that was false, when readers have moved
    /// on. To be set before the first reader is added.
    void on_progress(std::function<void()> callback) { published_.notify = std::move(callback); }
    /// Called by reclaim() for each backend that no Route refers to any more.
    void on_backend_gone(LiveRegistry::BackendGone callback) {
        registry_.on_backend_gone(std::move(callback));
    }

    /// How many readers there will be at most; before anything is published or counted.
    void expect_workers(unsigned workers) {
        registry_.set_workers(workers);
        totals_ = std::make_unique<Totals>(workers);
    }
    /// What workers count beside the routes' own series; see there for who may touch what.
    Totals& totals() noexcept { return *totals_; }
    const Totals& totals() const noexcept { return *totals_; }

    /// For a worker that is about to start; asleep until its first wake().
    Reader& add_reader();
    /// Its worker's thread has ended.
    void remove_reader(Reader& reader);
    std::size_t readers() const noexcept { return readers_.size(); }

    /// False only where requests under way hold millions of old versions: then nothing can be
    /// published until some of them end.
    bool has_room(std::size_t changes) const noexcept { return changes <= slots_.available(); }

    /// Publishes all changes at once; each vHost stands in them at most once, the hosts of the
    /// outcome are unique, and there is room. `certificates` take the place of those before; null:
    /// they stay. Returns the epoch at whose passing every worker sees all of it.
    std::uint64_t publish(std::span<const RouteChange> changes,
                          std::shared_ptr<const CertificateTable> certificates = nullptr);

    std::uint64_t epoch() const noexcept {
        return published_.epoch.load(std::memory_order_relaxed);
    }
    /// True where every reader sleeps or has taken `epoch`.
    bool passed(std::uint64_t epoch) const noexcept;
    /// passed(), or else a promise that on_progress is called once a reader has moved on: then ask
    /// again.
    bool await(std::uint64_t epoch) noexcept;

    /// Opens the gates of routes that have just been given a limit, as far as the requests that
    /// came before it have ended. Cheap; called at every turn of the control thread.
    void settle_gates();

    /// Frees what has been replaced and is out of use; returns how many Routes are still held.
    /// Cheap; called after publications have passed, and now and then for the Routes of long
    /// requests.
    std::size_t reclaim();

    /// The newest version; for the control thread.
    const Snapshot& current() const noexcept { return *current_; }
    /// The route of that vHost as published last, with its live state; null where there is none.
    const Route* find(const std::string& v_host) const noexcept;
    std::size_t routes() const noexcept { return routes_.size(); }
    const LiveRegistry& live() const noexcept { return registry_; }

  private:
    /// What left the table with one epoch.
    struct Retired {
        std::uint64_t epoch;
        std::unique_ptr<const Snapshot> snapshot;
        std::vector<HostTable::Array> arrays;
        std::vector<std::unique_ptr<const Route>> routes;
    };

    /// A gate that stays shut, or partly so, until requests that entered without it have ended.
    struct Opening {
        RouteLive* live = nullptr;
        std::uint64_t epoch = 0;  // from whose passing on nobody enters without it
        std::uint32_t most_active = 0;
        std::uint32_t most_queued = 0;
        bool is_shut = false;  // the epoch has passed
    };

    void set_gate(const RouteConfig& config, const Route& route);
    bool settle(const Opening& opening, std::uint32_t ungated);
    std::uint32_t holders(const Route& route) const noexcept;
    std::unordered_map<const RouteLive*, std::uint32_t> ungated_holders() const;
    /// Every version that has been replaced and not been freed yet.
    template <class Visit>
    void for_each_earlier(Visit&& visit) const {
        for (const auto& route : leaving_) visit(*route);
        for (const Retired& retired : retired_) {
            for (const auto& route : retired.routes) visit(*route);
        }
    }
    void free_route(const Route& route);

    std::unique_ptr<Totals> totals_ = std::make_unique<Totals>(1);
    Publication published_;
    LiveRegistry registry_;
    SlotPool slots_;
    std::vector<std::unique_ptr<Reader>> readers_;
    std::unique_ptr<const Snapshot> current_;
    std::unordered_map<std::string, std::unique_ptr<const Route>> routes_;  // by vHost
    std::deque<Retired> retired_;                                           // oldest first
    std::vector<std::unique_ptr<const Route>> leaving_;  // every reader has passed; some are held
    std::unordered_map<std::string, Opening> openings_;  // by vHost
};

}  // namespace penstock::snapshot
