#include "snapshot/publisher.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "snapshot/compile.hpp"

namespace penstock::snapshot {

namespace {

std::vector<BackendState> literal_states(const RouteConfig& config) {
    std::vector<BackendState> states;
    for (const Backend& backend : config.backends) states.push_back(state_of_literal(backend));
    return states;
}

}  // namespace

Publisher::Publisher() : current_(std::make_unique<Snapshot>()) {
    published_.notify = [] {};
    published_.snapshot.store(current_.get());
}

Publisher::~Publisher() {
    PENSTOCK_ASSERT(readers_.empty());
    registry_.on_backend_gone({});  // there is no worker left to tell
    HostTable(current_->hosts).dissolve();
    // Without readers everything has passed and nothing is held.
    reclaim();
    for (const auto& [v_host, route] : routes_) free_route(*route);
}

Reader& Publisher::add_reader() {
    readers_.push_back(std::make_unique<Reader>(published_));
    readers_.back()->uses_.make_room(slots_.end());
    return *readers_.back();
}

void Publisher::remove_reader(Reader& reader) {
    std::erase_if(readers_, [&](const auto& own) { return own.get() == &reader; });
}

std::uint64_t Publisher::publish(std::span<const RouteChange> changes,
                                 std::shared_ptr<const CertificateTable> certificates) {
    PENSTOCK_ASSERT(has_room(changes.size()));
    Retired retired{epoch() + 1, nullptr, {}, {}};
    std::vector<HostTable::Edit> edits;
    for (const RouteChange& change :
         changes) {  // all that goes before all that comes: a host may move
        const auto old = routes_.find(change.v_host);
        if (old == routes_.end()) continue;
        for (const std::string& key : old->second->keys) edits.push_back({key, nullptr});
        openings_.erase(change.v_host);
        if (change.config == nullptr) old->second->live->gate.close();
        retired.routes.push_back(std::move(old->second));
        routes_.erase(old);
    }
    for (const RouteChange& change : changes) {
        if (change.config == nullptr) continue;
        auto route = change.states.empty()
                         ? compile(*change.config, literal_states(*change.config), registry_)
                         : compile(*change.config, change.states, registry_);
        route->certificate = change.certificate;
        if (route->is_guarded) route->auth = change.auth;
        route->slot = slots_.take();
        for (const std::string& key : route->keys) edits.push_back({key, route.get()});
        const bool fresh = routes_.emplace(change.v_host, std::move(route)).second;
        PENSTOCK_ASSERT(fresh);
    }
    auto next = std::make_unique<Snapshot>(*current_);
    next->hosts.apply(edits, retired.arrays);
    if (certificates != nullptr) next->certificate_table = std::move(certificates);
    for (const auto& reader : readers_) reader->uses_.make_room(slots_.end());

    published_.snapshot.store(next.get());
    published_.epoch.store(retired.epoch);
    retired.snapshot = std::exchange(current_, std::move(next));
    retired_.push_back(std::move(retired));
    for (const RouteChange& change : changes) {
        if (change.config != nullptr) set_gate(*change.config, *routes_.at(change.v_host));
    }
    settle_gates();
    reclaim();
    return epoch();
}

bool Publisher::passed(std::uint64_t epoch) const noexcept {
    return std::all_of(readers_.begin(), readers_.end(),
                       [epoch](const auto& reader) { return reader->has_passed(epoch); });
}

bool Publisher::await(std::uint64_t epoch) noexcept {
    if (passed(epoch)) return true;
    published_.waiting.store(true);
    // Looked at again: a reader that moved before it could see the flag has notified nobody.
    return passed(epoch);
}

std::size_t Publisher::reclaim() {
    while (!retired_.empty() && passed(retired_.front().epoch)) {
        auto& routes = retired_.front().routes;
        std::move(routes.begin(), routes.end(), std::back_inserter(leaving_));
        retired_.pop_front();
    }
    std::erase_if(leaving_, [this](const auto& route) {
        if (holders(*route) > 0) return false;
        free_route(*route);
        return true;
    });
    std::size_t waiting = leaving_.size();
    for (const Retired& retired : retired_) waiting += retired.routes.size();
    return waiting;
}

const Route* Publisher::find(const std::string& v_host) const noexcept {
    const auto found = routes_.find(v_host);
    return found == routes_.end() ? nullptr : found->second.get();
}

// --- admission ---

/// Requests that came while the route had no limit hold no slot. Where there may be any, the gate
/// stays shut until no more of them can come, and then leaves room for those there are.
void Publisher::set_gate(const RouteConfig& config, const Route& route) {
    AdmissionGate& gate = route.live->gate;
    if (!route.is_gated || route.live->ungated_versions == 0)
        return gate.set_limits(config.req_active_length, config.req_queue_length);
    gate.hold();
    openings_[config.v_host] = {route.live, epoch(), config.req_active_length,
                                config.req_queue_length};
}

void Publisher::settle_gates() {
    bool any = false;
    for (auto& [v_host, opening] : openings_) {
        opening.is_shut = opening.is_shut || passed(opening.epoch);
        any = any || opening.is_shut;
    }
    if (!any) return;
    // Counted only now: until the epoch had passed, more could come.
    const auto ungated = ungated_holders();
    std::erase_if(openings_, [&](const auto& entry) {
        const Opening& opening = entry.second;
        const auto held = ungated.find(opening.live);
        return opening.is_shut && settle(opening, held == ungated.end() ? 0 : held->second);
    });
}

/// `ungated`: requests that hold no slot. True where the gate stands as configured.
bool Publisher::settle(const Opening& opening, std::uint32_t ungated) {
    AdmissionGate& gate = opening.live->gate;
    if (ungated < opening.most_active)
        gate.set_limits(opening.most_active - ungated, opening.most_queued);
    else
        gate.hold(opening.most_queued);
    return ungated == 0;
}

std::uint32_t Publisher::holders(const Route& route) const noexcept {
    std::uint32_t total = 0;
    for (const auto& reader : readers_) total += reader->uses_.count(route.slot);
    return total;
}

/// By route: requests of its earlier versions without a limit, those that have not been dispatched
/// included.
std::unordered_map<const RouteLive*, std::uint32_t> Publisher::ungated_holders() const {
    std::unordered_map<const RouteLive*, std::uint32_t> total;
    for_each_earlier([&](const Route& route) {
        if (!route.is_gated) total[route.live] += holders(route);
    });
    return total;
}

void Publisher::free_route(const Route& route) {
    release_live(route, registry_);
    slots_.give_back(route.slot);
}

}  // namespace penstock::snapshot
