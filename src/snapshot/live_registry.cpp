#include "snapshot/live_registry.hpp"

#include "base/assert.hpp"

namespace penstock::snapshot {

namespace {

/// A vHost holds no space.
std::string backend_key(std::string_view v_host, std::string_view target) {
    std::string key(v_host);
    key += ' ';
    key += target;
    return key;
}

}  // namespace

RouteLive* LiveRegistry::hold_route(std::string_view v_host) {
    auto& entry = routes_[std::string(v_host)];
    if (!entry.live) entry.live = std::make_unique<RouteLive>(workers_);
    ++entry.references;
    return entry.live.get();
}

BackendLive* LiveRegistry::hold_backend(std::string_view v_host, std::string_view target) {
    auto& entry = backends_[backend_key(v_host, target)];
    if (!entry.live) {
        entry.live = std::make_unique<BackendLive>(workers_);
        if (free_ids_.empty()) {
            free_ids_.push_back(static_cast<std::uint32_t>(identities_.size()));
            identities_.emplace_back();
        }
        Identity& identity = identities_[free_ids_.back()];
        identity.v_host = v_host;
        entry.live->id = free_ids_.back();
        entry.live->generation = ++identity.generation;
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

void LiveRegistry::release_backend(std::string_view v_host, std::string_view target) {
    const auto entry = backends_.find(backend_key(v_host, target));
    PENSTOCK_ASSERT(entry != backends_.end());
    if (--entry->second.references > 0) return;
    const BackendName name = name_of(*entry->second.live);
    backends_.erase(entry);
    identities_[name.id].v_host.clear();
    free_ids_.push_back(name.id);
    if (backend_gone_) backend_gone_(name);
}

std::string_view LiveRegistry::v_host_of(BackendName backend) const noexcept {
    if (backend.id >= identities_.size()) return {};
    const Identity& identity = identities_[backend.id];
    return identity.generation == backend.generation ? std::string_view(identity.v_host)
                                                     : std::string_view();
}

}  // namespace penstock::snapshot
