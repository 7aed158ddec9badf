#include "snapshot/live_registry.hpp"

#include "base/assert.hpp"

namespace penstock::snapshot {

namespace {

/// Neither part can hold a space.
std::string backend_key(std::string_view v_host, std::string_view authority) {
    std::string key(v_host);
    key += ' ';
    key += authority;
    return key;
}

}  // namespace

RouteLive* LiveRegistry::hold_route(std::string_view v_host) {
    auto& entry = routes_[std::string(v_host)];
    if (!entry.live) entry.live = std::make_unique<RouteLive>();
    ++entry.references;
    return entry.live.get();
}

BackendLive* LiveRegistry::hold_backend(std::string_view v_host, std::string_view authority) {
    auto& entry = backends_[backend_key(v_host, authority)];
    if (!entry.live) {
        entry.live = std::make_unique<BackendLive>();
        if (free_ids_.empty()) {
            free_ids_.push_back(static_cast<std::uint32_t>(generations_.size()));
            generations_.push_back(0);
        }
        entry.live->id = free_ids_.back();
        entry.live->generation = ++generations_[free_ids_.back()];
        free_ids_.pop_back();
    }
    ++entry.references;
    return entry.live.get();
}

void LiveRegistry::release_route(std::string_view v_host) {
    const auto entry = routes_.find(std::string(v_host));
    PENSTOCK_ASSERT(entry != routes_.end());
    if (--entry->second.references == 0) routes_.erase(entry);
}

void LiveRegistry::release_backend(std::string_view v_host, std::string_view authority) {
    const auto entry = backends_.find(backend_key(v_host, authority));
    PENSTOCK_ASSERT(entry != backends_.end());
    if (--entry->second.references > 0) return;
    const BackendName name{entry->second.live->id, entry->second.live->generation};
    backends_.erase(entry);
    free_ids_.push_back(name.id);
    if (backend_gone_) backend_gone_(name);
}

}  // namespace penstock::snapshot
