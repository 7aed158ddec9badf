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

std::string authority_of(const Backend& backend) {
    return model::authority_of(backend.hostname, backend.port);
}

template <class E>
Event event_of(const RouteConfig& route) {
    E event;
    event.v_host = route.v_host;
    event.id = route.id;
    return event;
}

/// What there is to tell when a route becomes another one; null: there was none, it goes.
std::optional<Event> difference(const RouteConfig* before, const RouteConfig* after) {
    if (before == nullptr) return event_of<RouteCreated>(*after);
    if (after == nullptr) return event_of<RouteDeleted>(*before);
    if (*before == *after) return std::nullopt;
    return event_of<RouteChanged>(*after);
}

std::set<std::string> names_in(const RouteConfig& route) {
    std::set<std::string> names;
    for (const Backend& backend : route.backends) {
        if (model::needs_lookup(backend.hostname)) names.insert(backend.hostname);
    }
    return names;
}

Failure<Refusal> invalid(model::FieldErrors errors) {
    return Failure{Refusal{http::Status::unprocessable_content, "", std::move(errors)}};
}

/// "Not yet": see Refusal::unknown_names.
Failure<Refusal> later(std::vector<std::string> unknown_names) {
    Refusal refusal{http::Status::service_unavailable, "A name has not been looked up yet.", {}};
    refusal.unknown_names = std::move(unknown_names);
    return Failure{std::move(refusal)};
}

}  // namespace

Configuration::Configuration(Store& store, snapshot::Publisher& publisher, ControlEvents& events,
                             Names& names)
    : store_(store), publisher_(publisher), events_(events), names_(names) {
    names_.on_change([this](const std::set<std::string>& v_hosts) { return refresh_all(v_hosts); });
}

Configuration::Outcome Configuration::load() {
    auto stored = store_.load();
    if (!stored) {
        return Failure{Refusal{http::Status::internal_server_error, stored.error().message, {}}};
    }
    if (auto loaded = load_certificates(); !loaded) return Failure{std::move(loaded.error())};
    std::vector<RouteChange> changes;
    for (const RouteConfig& route : *stored) {
        changes.push_back(change_to(route));
        if (!route.ssl) continue;
        model::FieldErrors errors;
        changes.back().certificate = check_ssl(route, "", net::tls::Certificate::any_time, errors);
        if (!errors.empty()) {
            return Failure{Refusal{http::Status::internal_server_error,
                                   "The store's route is not what was put there.",
                                   std::move(errors)}};
        }
    }
    take_certificates(changes, {});
    const std::uint64_t epoch = publish(changes);
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
    model::FieldErrors faults;
    auto certificate = certificate_for(route, "", faults);
    if (!faults.empty()) return invalid(std::move(faults));
    if (mode == Mode::check) return std::uint64_t{0};
    if (mode == Mode::apply) {
        if (auto names = unknown_names_of(std::span(&route, 1)); !names.empty())
            return later(std::move(names));
    }
    RouteChange change = change_to(route);
    change.certificate = std::move(certificate);
    const auto event = difference(find(route.v_host), &route);
    auto outcome = commit(std::span(&change, 1));
    if (!outcome) return outcome;
    forget(route.v_host);
    forget_marks(route.v_host, &route);
    remember(std::move(route));
    tell(event);
    return outcome;
}

Configuration::Outcome Configuration::remove(const std::string& v_host, Mode mode) {
    PENSTOCK_ASSERT(routes_.contains(v_host));
    if (mode == Mode::check) return std::uint64_t{0};
    const RouteChange change{v_host, nullptr};
    const auto event = difference(find(v_host), nullptr);
    auto outcome = commit(std::span(&change, 1));
    if (!outcome) return outcome;
    forget(change.v_host);
    names_.use(change.v_host, {});
    forget_marks(change.v_host, nullptr);
    tell(event);
    return outcome;
}

Configuration::Outcome Configuration::replace_all(std::vector<RouteConfig> routes, Mode mode) {
    if (auto errors = model::find_conflicts(routes); !errors.empty()) {
        return Failure{Refusal{http::Status::conflict, "", std::move(errors)}};
    }
    std::map<std::string, CertificatePtr, std::less<>> certificates;
    model::FieldErrors faults;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        certificates[routes[i].v_host] =
            certificate_for(routes[i], model::child_pointer("/routes", i), faults);
    }
    if (!faults.empty()) return invalid(std::move(faults));
    if (mode == Mode::check) return std::uint64_t{0};
    if (mode == Mode::apply) {
        if (auto names = unknown_names_of(routes); !names.empty()) return later(std::move(names));
    }
    std::map<std::string, const RouteConfig*, std::less<>> wanted;
    for (const auto& [v_host, route] : routes_) wanted[v_host] = nullptr;
    for (const RouteConfig& route : routes) wanted[route.v_host] = &route;
    std::vector<RouteChange> changes;
    for (const auto& [v_host, route] : wanted) {
        changes.push_back(route == nullptr ? RouteChange{v_host, nullptr} : change_to(*route));
        if (route != nullptr) changes.back().certificate = std::move(certificates[v_host]);
    }
    auto outcome = commit(changes);
    if (!outcome) return outcome;
    for (const auto& [v_host, route] : wanted) forget_marks(v_host, route);
    const Routes before = std::exchange(routes_, {});
    hosts_.clear();
    ids_.clear();
    for (RouteConfig& route : routes) remember(std::move(route));
    // After those that stay: a name that moves from one route to another keeps its addresses.
    for (const RouteChange& change : changes) {
        if (change.config == nullptr) names_.use(change.v_host, {});
    }
    for (const auto& [v_host, route] : before) {
        if (!routes_.contains(v_host)) tell(difference(&route, nullptr));
    }
    for (const auto& [v_host, route] : routes_) {
        const auto old = before.find(v_host);
        tell(difference(old == before.end() ? nullptr : &old->second, &route));
    }
    return outcome;
}

Configuration::Outcome Configuration::set_maintenance(const std::string& v_host,
                                                      const Backend& backend, bool on, Mode mode) {
    if (mode == Mode::check) return std::uint64_t{0};
    if (in_maintenance(v_host, backend) == on) {
        if (!on && revive(v_host, backend)) return refresh(v_host);
        return std::uint64_t{0};
    }
    const std::string authority = authority_of(backend);
    const auto set = [&](bool marked) {
        if (marked)
            maintenance_[v_host].insert(authority);
        else if (Marks& marks = maintenance_[v_host]; marks.erase(authority) > 0 && marks.empty())
            maintenance_.erase(v_host);
    };
    set(on);
    const auto were_alive = alive_addresses(v_host, backend);
    const RouteChange change = change_to(*find(v_host));
    auto outcome = commit(std::span(&change, 1));
    if (!outcome) {
        set(!on);
        return outcome;
    }
    const snapshot::Route& route = *published(v_host);
    for (const snapshot::Upstream& upstream : route.upstreams) {
        if (upstream.authority != authority) continue;
        if (!on)
            publish_alive(events_, route, upstream);
        else if (were_alive.contains(upstream.target))
            publish_maintenance(events_, route, upstream);
    }
    return outcome;
}

/// Upstream::target of each address of the backend that takes requests.
std::set<std::string> Configuration::alive_addresses(const std::string& v_host,
                                                     const Backend& backend) const {
    std::set<std::string> targets;
    for (const snapshot::Upstream& upstream : published(v_host)->upstreams) {
        if (upstream.authority == authority_of(backend) && upstream.live->health.is_alive())
            targets.insert(upstream.target);
    }
    return targets;
}

bool Configuration::in_maintenance(const std::string& v_host, const Backend& backend) const {
    const auto marks = maintenance_.find(v_host);
    return marks != maintenance_.end() && marks->second.contains(authority_of(backend));
}

/// True where any address of the backend was dead and is not any more.
bool Configuration::revive(const std::string& v_host, const Backend& backend) {
    bool revived = false;
    for (const snapshot::Upstream& upstream : published(v_host)->upstreams) {
        if (upstream.authority != authority_of(backend)) continue;
        snapshot::BackendHealth& health = upstream.live->health;
        // A failure that comes meanwhile is no reason to refuse an administrator.
        bool here = false;
        while (health.view().state == snapshot::HealthState::dead)
            here = health.revive(health.view().epoch) || here;
        if (here) publish_alive(events_, *published(v_host), upstream);
        revived = revived || here;
    }
    return revived;
}

void Configuration::forget_marks(const std::string& v_host, const RouteConfig* route) {
    const auto marks = maintenance_.find(v_host);
    if (marks == maintenance_.end()) return;
    Marks kept;
    if (route != nullptr) {
        for (const Backend& backend : route->backends) {
            std::string authority = authority_of(backend);
            if (marks->second.contains(authority)) kept.insert(std::move(authority));
        }
    }
    if (kept.empty())
        maintenance_.erase(marks);
    else
        marks->second = std::move(kept);
}

std::uint64_t Configuration::refresh(std::string_view v_host) {
    const RouteConfig* route = find(v_host);
    if (route == nullptr || !publisher_.has_room(1)) return 0;
    const RouteChange change = change_to(*route);
    return publish(std::span(&change, 1));
}

Configuration::PublishedBackend Configuration::find(snapshot::BackendName backend) const {
    const std::string v_host(publisher_.live().v_host_of(backend));
    const RouteConfig* config = find(v_host);
    const snapshot::Route* route = published(v_host);
    if (config == nullptr || route == nullptr) return {};
    for (const snapshot::Upstream& upstream : route->upstreams) {
        if (snapshot::name_of(*upstream.live) == backend) return {config, route, &upstream};
    }
    return {};
}

bool Configuration::refresh_all(const std::set<std::string>& v_hosts) {
    std::vector<RouteChange> changes;
    for (const std::string& v_host : v_hosts) {
        if (const RouteConfig* route = find(v_host)) changes.push_back(change_to(*route));
    }
    if (!publisher_.has_room(changes.size())) return false;
    if (!changes.empty()) publish(changes);
    return true;
}

std::vector<snapshot::BackendState> Configuration::states_of(const RouteConfig& route) const {
    std::vector<snapshot::BackendState> states;
    for (const Backend& backend : route.backends) {
        if (model::needs_lookup(backend.hostname))
            states.push_back({names_.addresses(backend.hostname, backend.port), false});
        else
            states.push_back(snapshot::state_of_literal(backend));
        states.back().in_maintenance = in_maintenance(route.v_host, backend);
    }
    return states;
}

RouteChange Configuration::change_to(const RouteConfig& route) const {
    return {route.v_host, &route, states_of(route), certificates_.of_route(route.v_host)};
}

model::FieldErrors Configuration::conflicts_of(const RouteConfig& route) const {
    model::FieldErrors errors;
    const auto check = [&](const Holders& names, const std::string& name, std::string pointer) {
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

std::vector<std::string> Configuration::unknown_names_of(
    std::span<const RouteConfig> routes) const {
    std::set<std::string> names;
    for (const RouteConfig& route : routes) names.merge(names_in(route));
    std::erase_if(names, [this](const std::string& name) { return names_.knows(name); });
    return {names.begin(), names.end()};
}

Configuration::Outcome Configuration::commit(std::span<const RouteChange> changes,
                                             std::span<const CertificateChange> certificates) {
    if (!publisher_.has_room(changes.size())) {
        return Failure{Refusal{http::Status::service_unavailable,
                               "Requests under way hold too many old versions of routes.",
                               {}}};
    }
    if (const auto committed = store_.commit(changes, certificates); !committed) {
        return Failure{Refusal{http::Status::insufficient_storage, committed.error().message, {}}};
    }
    take_certificates(changes, certificates);
    return publish(changes);
}

std::uint64_t Configuration::publish(std::span<const RouteChange> changes) {
    const std::uint64_t epoch = publisher_.publish(changes, certificates_.table());
    if (!route_published_) return epoch;
    for (const RouteChange& change : changes) {
        if (change.config != nullptr)
            route_published_(*change.config, *publisher_.find(change.v_host));
    }
    return epoch;
}

void Configuration::tell(const std::optional<Event>& event) {
    if (event) std::visit([this](const auto& which) { events_.publish(which); }, *event);
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
    names_.use(route.v_host, names_in(route));
    std::string v_host = route.v_host;
    routes_.emplace(std::move(v_host), std::move(route));
}

}  // namespace penstock::control
