#include "snapshot/publisher.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "snapshot/compile.hpp"

namespace penstock::snapshot {

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

std::uint64_t Publisher::publish(std::span<const RouteChange> changes) {
    PENSTOCK_ASSERT(has_room(changes.size()));
    Retired retired{epoch() + 1, nullptr, {}, {}};
    std::vector<HostTable::Edit> edits;
    for (const RouteChange& change :
         changes) {  // all that goes before all that comes: a host may move
        const auto old = routes_.find(change.v_host);
        if (old == routes_.end()) continue;
        for (const std::string& key : old->second->keys) edits.push_back({key, nullptr});
        retired.routes.push_back(std::move(old->second));
        routes_.erase(old);
    }
    for (const RouteChange& change : changes) {
        if (change.config == nullptr) continue;
        auto route = compile(*change.config, registry_);
        route->slot = slots_.take();
        for (const std::string& key : route->keys) edits.push_back({key, route.get()});
        const bool fresh = routes_.emplace(change.v_host, std::move(route)).second;
        PENSTOCK_ASSERT(fresh);
    }
    auto next = std::make_unique<Snapshot>(*current_);
    next->hosts.apply(edits, retired.arrays);
    for (const auto& reader : readers_) reader->uses_.make_room(slots_.end());

    published_.snapshot.store(next.get());
    published_.epoch.store(retired.epoch);
    retired.snapshot = std::exchange(current_, std::move(next));
    retired_.push_back(std::move(retired));
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
        if (is_held(*route)) return false;
        free_route(*route);
        return true;
    });
    std::size_t waiting = leaving_.size();
    for (const Retired& retired : retired_) waiting += retired.routes.size();
    return waiting;
}

bool Publisher::is_held(const Route& route) const noexcept {
    return std::any_of(readers_.begin(), readers_.end(),
                       [&](const auto& reader) { return reader->uses_.is_held(route.slot); });
}

void Publisher::free_route(const Route& route) {
    release_live(route, registry_);
    slots_.give_back(route.slot);
}

}  // namespace penstock::snapshot
