// The part of Configuration that makes several changes in one commit and one publication.
#include <utility>

#include "base/assert.hpp"
#include "control/configuration.hpp"

namespace penstock::control {

using snapshot::RouteChange;

namespace {

/// As what Names knows a group, beside vHosts and auth providers.
constexpr const char* user_of_names = "group:";

}  // namespace

bool Configuration::begin_group() {
    PENSTOCK_ASSERT(!group_);
    if (!store_.begin_group()) return false;
    group_ = Group();
    group_->last_revision = last_revision_;
    return true;
}

bool Configuration::end_group() {
    PENSTOCK_ASSERT(group_.has_value());
    Group group = *std::exchange(group_, std::nullopt);
    const bool kept = store_.end_group(!group.has_failed).has_value() && !group.has_failed;
    if (!kept) {
        undo(group);
        names_.use(user_of_names, {});
        return false;
    }
    names_.use(user_of_names, {});
    std::vector<RouteChange> changes;
    for (const auto& [v_host, before] : group.routes) {
        const RouteConfig* const now = find(v_host);
        changes.push_back(now == nullptr ? RouteChange{v_host, nullptr} : change_to(*now));
    }
    if (group.promises_epoch) publish(changes);
    for (const auto& action : group.when_published) action();
    return true;
}

void Configuration::when_published(std::function<void()> action) {
    if (group_)
        group_->when_published.push_back(std::move(action));
    else
        action();
}

/// The first change of each is what counts.
void Configuration::keep_before(std::span<const RouteChange> routes,
                                std::span<const CertificateChange> certificates) {
    group_->promises_epoch = true;
    for (const RouteChange& change : routes) {
        if (group_->routes.contains(change.v_host)) continue;
        const RouteConfig* const now = find(change.v_host);
        group_->routes.emplace(change.v_host, now == nullptr ? std::nullopt : std::optional(*now));
        if (now != nullptr) keep_names(names_in(*now));
        group_->of_routes.emplace(change.v_host, certificates_.of_route(change.v_host));
        const auto marks = maintenance_.find(change.v_host);
        if (marks != maintenance_.end()) group_->maintenance.insert(*marks);
    }
    for (const CertificateChange& change : certificates) {
        const CertificateSet* const now = certificates_.find(change.domain);
        group_->certificates.emplace(change.domain, now == nullptr ? CertificateSet() : *now);
    }
}

void Configuration::keep_before(const std::string& auth_provider) {
    const auto now = auth_providers_.find(auth_provider);
    const bool is_there = now != auth_providers_.end();
    group_->auth_providers.emplace(auth_provider,
                                   is_there ? std::optional(now->second) : std::nullopt);
    if (!is_there) return;
    if (auto name = name_to_look_up(now->second.config)) keep_names({*std::move(name)});
}

/// Whoever used them alone may let go of them within the group, and have them back.
void Configuration::keep_names(std::set<std::string> names) {
    if (names.empty()) return;
    group_->names.merge(names);
    names_.use(user_of_names, group_->names);
}

/// Everything goes before anything comes back: a name may have moved from one route to another.
void Configuration::undo(Group& group) {
    last_revision_ = group.last_revision;
    for (auto& [id, provider] : group.auth_providers) set_auth_provider(id, std::move(provider));
    for (const auto& [v_host, before] : group.routes) {
        forget(v_host);
        maintenance_.erase(v_host);
        certificates_.remove_route(v_host);
    }
    for (auto& [v_host, before] : group.routes) {
        if (!before) {
            names_.use(v_host, {});
            continue;
        }
        certificates_.set_route(*before, group.of_routes[v_host]);
        remember(std::move(*before));
    }
    maintenance_.merge(group.maintenance);
    for (const auto& [domain, set] : group.certificates) {
        certificates_.remove(domain);
        for (const CertificatePtr& certificate : set.by_kind) {
            if (certificate != nullptr) certificates_.put(domain, certificate);
        }
    }
}

}  // namespace penstock::control
