#include "control/configuration.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "model/host_pattern.hpp"
#include "model/validate.hpp"

namespace penstock::control {

using model::FieldErrorKind;
using snapshot::RouteChange;

namespace {

/// A mark belongs to what is at an address: an id that moves to another one starts without it.
std::string maintenance_key(const std::string& v_host, const Backend& backend) {
    return v_host + ' ' + model::authority_of(backend.hostname, backend.port);
}

}  // namespace

Configuration::Outcome Configuration::load() {
    auto stored = store_.load();
    if (!stored) {
        return Failure{Refusal{http::Status::internal_server_error, stored.error().message, {}}};
    }
    std::vector<RouteChange> changes;
    for (const RouteConfig& route : *stored) changes.push_back(change_to(route));
    const std::uint64_t epoch = publisher_.publish(changes);
    for (RouteConfig& route : *stored) remember(std::move(route));
    return epoch;
}

const RouteConfig* Configuration::find(std::string_view v_host) const {
    const auto at = routes_.find(v_host);
    return at == routes_.end() ? nullptr : &at->second;
}

Configuration::Outcome Configuration::put(RouteConfig route, Mode mode) {
    if (auto errors = conflicts_of(route); !errors.empty()) {
        return Failure{Refusal{http::Status::conflict, "", std::move(errors)}};
    }
    if (mode == Mode::check) return std::uint64_t{0};
    const RouteChange change = change_to(route);
    auto outcome = commit(std::span(&change, 1));
    if (!outcome) return outcome;
    forget(route.v_host);
    remember(std::move(route));
    return outcome;
}

Configuration::Outcome Configuration::remove(const std::string& v_host, Mode mode) {
    PENSTOCK_ASSERT(routes_.contains(v_host));
    if (mode == Mode::check) return std::uint64_t{0};
    const RouteChange change{v_host, nullptr};
    auto outcome = commit(std::span(&change, 1));
    if (outcome) forget(change.v_host);
    return outcome;
}

Configuration::Outcome Configuration::replace_all(std::vector<RouteConfig> routes, Mode mode) {
    if (auto errors = model::find_conflicts(routes); !errors.empty()) {
        return Failure{Refusal{http::Status::conflict, "", std::move(errors)}};
    }
    if (mode == Mode::check) return std::uint64_t{0};
    std::map<std::string, const RouteConfig*, std::less<>> wanted;
    for (const auto& [v_host, route] : routes_) wanted[v_host] = nullptr;
    for (const RouteConfig& route : routes) wanted[route.v_host] = &route;
    std::vector<RouteChange> changes;
    for (const auto& [v_host, route] : wanted) {
        changes.push_back(route == nullptr ? RouteChange{v_host, nullptr} : change_to(*route));
    }
    auto outcome = commit(changes);
    if (!outcome) return outcome;
    routes_.clear();
    hosts_.clear();
    ids_.clear();
    for (RouteConfig& route : routes) remember(std::move(route));
    return outcome;
}

Configuration::Outcome Configuration::set_maintenance(const std::string& v_host,
                                                      const Backend& backend, bool on, Mode mode) {
    if (mode == Mode::check || in_maintenance(v_host, backend) == on) return std::uint64_t{0};
    const std::string key = maintenance_key(v_host, backend);
    const auto set = [&](bool marked) {
        if (marked)
            maintenance_.insert(key);
        else
            maintenance_.erase(key);
    };
    set(on);
    const RouteChange change = change_to(*find(v_host));
    auto outcome = commit(std::span(&change, 1));
    if (!outcome) set(!on);
    return outcome;
}

bool Configuration::in_maintenance(const std::string& v_host, const Backend& backend) const {
    return maintenance_.contains(maintenance_key(v_host, backend));
}

std::uint64_t Configuration::refresh(std::string_view v_host) {
    const RouteConfig* route = find(v_host);
    if (route == nullptr || !publisher_.has_room(1)) return 0;
    const RouteChange change = change_to(*route);
    return publisher_.publish(std::span(&change, 1));
}

std::vector<snapshot::BackendState> Configuration::states_of(const RouteConfig& route) const {
    std::vector<snapshot::BackendState> states;
    for (const Backend& backend : route.backends) {
        states.push_back(snapshot::state_of_literal(backend));
        states.back().in_maintenance = in_maintenance(route.v_host, backend);
    }
    return states;
}

RouteChange Configuration::change_to(const RouteConfig& route) const {
    return {route.v_host, &route, states_of(route)};
}

model::FieldErrors Configuration::conflicts_of(const RouteConfig& route) const {
    model::FieldErrors errors;
    const auto check = [&](const Names& names, const std::string& name, std::string pointer) {
        const auto holder = names.find(name);
        if (holder == names.end() || holder->second == route.v_host) return;
        errors.push_back({std::move(pointer),
                          fmt::format("\"{}\" is taken by the route {}", name, holder->second),
                          FieldErrorKind::conflict});
    };
    check(ids_, route.id, "/id");
    check(hosts_, route.v_host, "/vHost");
    for (std::size_t i = 0; i < route.aliases.size(); ++i) {
        check(hosts_, route.aliases[i], model::child_pointer("/aliases", i));
    }
    return errors;
}

Configuration::Outcome Configuration::commit(std::span<const RouteChange> changes) {
    if (!publisher_.has_room(changes.size())) {
        return Failure{Refusal{http::Status::service_unavailable,
                               "Requests under way hold too many old versions of routes.",
                               {}}};
    }
    if (const auto committed = store_.commit(changes); !committed) {
        return Failure{Refusal{http::Status::insufficient_storage, committed.error().message, {}}};
    }
    return publisher_.publish(changes);
}

void Configuration::forget(std::string_view v_host) {
    const auto at = routes_.find(v_host);
    if (at == routes_.end()) return;
    ids_.erase(at->second.id);
    hosts_.erase(at->second.v_host);
    for (const std::string& alias : at->second.aliases) hosts_.erase(alias);
    routes_.erase(at);
}

void Configuration::remember(RouteConfig route) {
    ids_.emplace(route.id, route.v_host);
    hosts_.emplace(route.v_host, route.v_host);
    for (const std::string& alias : route.aliases) hosts_.emplace(alias, route.v_host);
    std::string v_host = route.v_host;
    routes_.emplace(std::move(v_host), std::move(route));
}

}  // namespace penstock::control
