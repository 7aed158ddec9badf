#include "control/configuration.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/host_pattern.hpp"
#include "model/validate.hpp"

namespace penstock::control {

using model::FieldErrorKind;
using snapshot::RouteChange;

namespace {

std::string authority_of(const Backend& backend) {
    return model::authority_of(backend.hostname, backend.port);
}

bool has_authority(const RouteConfig& route, const std::string& authority) {
    return std::any_of(
        route.backends.begin(), route.backends.end(),
        [&authority](const Backend& backend) { return authority_of(backend) == authority; });
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

Failure<Refusal> invalid(model::FieldErrors errors) {
    return Failure{Refusal{http::Status::unprocessable_content, "", std::move(errors)}};
}

}  // namespace

std::set<std::string> names_in(const RouteConfig& route) {
    std::set<std::string> names;
    for (const Backend& backend : route.backends) {
        if (model::needs_lookup(backend.hostname)) names.insert(backend.hostname);
    }
    return names;
}

Configuration::Configuration(Store& store, snapshot::Publisher& publisher, ControlEvents& events,
                             Names& names)
    : store_(store), publisher_(publisher), events_(events), names_(names) {
    names_.on_change([this](const std::set<std::string>& v_hosts) { return refresh_all(v_hosts); });
}

const RouteConfig* Configuration::find(std::string_view v_host) const {
    const auto at = routes_.find(v_host);
    return at == routes_.end() ? nullptr : &at->second;
}

const RouteConfig* Configuration::find_same(const RouteConfig& draft) const {
    const auto holder = ids_.find(draft.id);
    if (holder != ids_.end()) return find(holder->second);
    const auto v_host = model::canonical_host_pattern(draft.v_host);
    return draft.id.empty() && v_host ? find(*v_host) : nullptr;
}

Failure<Refusal> Configuration::later(std::vector<std::string> unknown_names) {
    Refusal refusal{http::Status::service_unavailable, "A name has not been looked up yet.", {}};
    refusal.unknown_names = std::move(unknown_names);
    return Failure{std::move(refusal)};
}

Configuration::Outcome Configuration::put(RouteConfig route, Order order) {
    if (auto errors = conflicts_of(route); !errors.empty()) {
        return Failure{Refusal{http::Status::conflict, "", std::move(errors)}};
    }
    model::FieldErrors faults = own_addresses_in(route, "");
    auto certificate = certificate_for(route, "", faults);
    check_auth_provider_of(route, "", faults);
    if (!faults.empty()) return invalid(std::move(faults));
    if (order.mode == Mode::check) return std::uint64_t{0};
    if (order.mode == Mode::apply) {
        if (auto names = unknown_names_of(std::span(&route, 1), {}); !names.empty())
            return later(std::move(names));
    }
    RouteChange change = change_to(route);
    change.certificate = std::move(certificate);
    const auto event = difference(find(route.v_host), &route);
    std::vector<RowChange> rows;
    add_rows_of(std::span(&change, 1), rows);
    auto outcome = commit(std::span(&change, 1), {}, std::move(rows),
                          {"the route " + route.v_host, std::move(order.by)});
    if (!outcome) return outcome;
    forget(route.v_host);
    forget_marks(route.v_host, &route);
    remember(std::move(route));
    tell(event);
    return outcome;
}

Configuration::Outcome Configuration::remove(const std::string& v_host, Order order) {
    PENSTOCK_ASSERT(routes_.contains(v_host));
    if (order.mode == Mode::check) return std::uint64_t{0};
    const RouteChange change{v_host, nullptr};
    const auto event = difference(find(v_host), nullptr);
    std::vector<RowChange> rows;
    add_rows_of(std::span(&change, 1), rows);
    auto outcome = commit(std::span(&change, 1), {}, std::move(rows),
                          {"no route " + change.v_host + " any more", std::move(order.by)});
    if (!outcome) return outcome;
    forget(change.v_host);
    names_.use(change.v_host, {});
    forget_marks(change.v_host, nullptr);
    tell(event);
    return outcome;
}

Configuration::Outcome Configuration::replace_all(std::vector<RouteConfig> routes, Mode mode,
                                                  Whole whole) {
    PENSTOCK_ASSERT(!group_);
    if (auto errors = model::find_conflicts(routes); !errors.empty()) {
        return Failure{Refusal{http::Status::conflict, "", std::move(errors)}};
    }
    std::map<std::string, CertificatePtr, std::less<>> certificates;
    Replacement replacement;
    if (whole.auth_providers) use_all(std::move(*whole.auth_providers), replacement);
    model::FieldErrors faults;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const std::string base = model::child_pointer("/routes", i);
        model::add_new(faults, own_addresses_in(routes[i], base));
        certificates[routes[i].v_host] = certificate_for(routes[i], base, faults);
        const auto& provider = routes[i].auth_provider;
        if (provider && find_auth_provider(provider, replacement) == nullptr)
            faults.push_back(no_auth_provider(*provider, base));
    }
    if (!faults.empty()) return invalid(std::move(faults));
    if (mode == Mode::check) return std::uint64_t{0};
    if (mode == Mode::apply) {
        if (auto names = unknown_names_of(routes, replacement); !names.empty())
            return later(std::move(names));
    }
    replacement.of_routes = std::move(certificates);
    replacement.rows = std::move(whole.rows);
    replacement.process = std::move(whole.process);
    for (const auto& [v_host, route] : routes_) replacement.routes[v_host] = std::nullopt;
    for (RouteConfig& route : routes) {
        std::string v_host = route.v_host;
        replacement.routes[std::move(v_host)] = std::move(route);
    }
    if (whole.certificates) {
        if (auto added = add_all(*whole.certificates, replacement); !added)
            return Failure{std::move(added.error())};
    }
    return replace(std::move(replacement), {std::move(whole.what), std::move(whole.by)});
}

Configuration::Outcome Configuration::replace(Replacement replacement, Reason reason) {
    settle_auth_providers(replacement);
    if (replacement.process && *replacement.process != process_)
        replacement.rows.push_back(row_of_process(*replacement.process));
    std::vector<RouteChange> changes;
    for (const auto& [v_host, route] : replacement.routes) {
        changes.push_back(route ? change_to(*route) : RouteChange{v_host, nullptr});
        if (!route) continue;
        changes.back().certificate = std::move(replacement.of_routes[v_host]);
        changes.back().auth = find_auth_provider(route->auth_provider, replacement);
    }
    std::vector<Event> events;
    for (const auto& [v_host, route] : replacement.routes) {
        if (auto event = difference(find(v_host), route ? &*route : nullptr))
            events.push_back(std::move(*event));
    }
    add_events_of(replacement.certificates, events);
    add_rows_of(changes, replacement.rows);
    auto outcome =
        commit(changes, replacement.certificates, std::move(replacement.rows), std::move(reason));
    if (!outcome) return outcome;
    take_auth_providers(replacement);
    if (replacement.process) process_ = std::move(*replacement.process);
    for (const auto& [v_host, route] : replacement.routes) {
        forget(v_host);
        forget_marks(v_host, route ? &*route : nullptr);
    }
    for (auto& [v_host, route] : replacement.routes) {
        if (route) remember(std::move(*route));
    }
    // After those that stay: a name that moves from one route to another keeps its addresses.
    for (const RouteChange& change : changes) {
        if (change.config == nullptr) names_.use(change.v_host, {});
    }
    for (const Event& event : events) tell(event);
    return outcome;
}

Configuration::Outcome Configuration::set_maintenance(const std::string& v_host,
                                                      const Backend& backend, bool on,
                                                      Order order) {
    PENSTOCK_ASSERT(!group_);  // what is told depends on what is published
    if (order.mode == Mode::check) return std::uint64_t{0};
    if (in_maintenance(v_host, backend) == on) {
        if (!on && revive(v_host, backend)) return refresh(v_host);
        return std::uint64_t{0};
    }
    const std::string authority = authority_of(backend);
    const auto set = [&](bool marked) {
        if (marked)
            maintenance_[v_host].insert(authority);
        else
            maintenance_[v_host].erase(authority);
    };
    set(on);
    const auto were_alive = alive_addresses(v_host, backend);
    const RouteChange change = change_to(*find(v_host));
    auto outcome =
        commit(std::span(&change, 1), {}, {row_of(v_host, marks_left(v_host, find(v_host)))},
               {fmt::format("{} of {} {} maintenance", authority, v_host, on ? "into" : "out of"),
                std::move(order.by)});
    if (!outcome) set(!on);
    forget_marks(v_host, find(v_host));  // a set that is empty now
    if (!outcome) return outcome;
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

/// Of the vHost's marks those that `route` has a backend for.
Marks Configuration::marks_left(const std::string& v_host, const RouteConfig* route) const {
    Marks left;
    const auto marks = maintenance_.find(v_host);
    if (marks == maintenance_.end() || route == nullptr) return left;
    for (const Backend& backend : route->backends) {
        std::string authority = authority_of(backend);
        if (marks->second.contains(authority)) left.insert(std::move(authority));
    }
    return left;
}

void Configuration::forget_marks(const std::string& v_host, const RouteConfig* route) {
    const auto marks = maintenance_.find(v_host);
    if (marks == maintenance_.end()) return;
    marks->second = marks_left(v_host, route);
    if (marks->second.empty()) maintenance_.erase(marks);
}

std::uint64_t Configuration::refresh(std::string_view v_host) {
    PENSTOCK_ASSERT(!group_);
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
    PENSTOCK_ASSERT(!group_);
    std::vector<RouteChange> changes;
    for (const std::string& v_host : v_hosts) {
        if (refresh_auth_provider(v_host)) continue;
        if (const RouteConfig* route = find(v_host)) changes.push_back(change_to(*route));
    }
    if (!publisher_.has_room(changes.size())) return false;
    if (!changes.empty()) publish(changes);
    return true;
}

std::vector<snapshot::BackendState> Configuration::states_of(const RouteConfig& route) const {
    std::vector<snapshot::BackendState> states;
    for (const Backend& backend : route.backends) {
        states.push_back({addresses_of(backend), in_maintenance(route.v_host, backend)});
        // A name may come to mean ourselves after it was configured.
        const auto own = std::erase_if(states.back().addresses, [this](const auto& address) {
            return own_.contains(address);
        });
        if (own > 0 && own_backend_warning_.allows(Clock::now())) {
            log(LogLevel::warn,
                "a backend is where this process listens itself: nothing is sent there",
                {{"vhost", std::string_view(route.v_host)},
                 {"hostname", std::string_view(backend.hostname)}});
        }
    }
    return states;
}

/// All that it is known to have; those that nothing is sent to included.
std::vector<net::Address> Configuration::addresses_of(const Backend& backend) const {
    if (model::needs_lookup(backend.hostname))
        return names_.addresses(backend.hostname, backend.port);
    return snapshot::state_of_literal(backend).addresses;
}

/// Backends at which we listen ourselves: requests would go round, or reach the admin side from
/// within. Those that the route has already are passed over: they get no requests.
model::FieldErrors Configuration::own_addresses_in(const RouteConfig& route,
                                                   std::string_view base) const {
    model::FieldErrors errors;
    const RouteConfig* const before = find(route.v_host);
    for (std::size_t i = 0; i < route.backends.size() && errors.size() < model::most_errors; ++i) {
        if (before != nullptr && has_authority(*before, authority_of(route.backends[i]))) continue;
        const auto addresses = addresses_of(route.backends[i]);
        const auto own =
            std::find_if(addresses.begin(), addresses.end(),
                         [this](const net::Address& address) { return own_.contains(address); });
        if (own == addresses.end()) continue;
        const std::string backends = model::child_pointer(base, "backends");
        errors.push_back({model::child_pointer(model::child_pointer(backends, i), "hostname"),
                          fmt::format("this process listens at {} itself", own->endpoint()),
                          FieldErrorKind::invalid, "own-address"});
    }
    return errors;
}

RouteChange Configuration::change_to(const RouteConfig& route) const {
    return {route.v_host, &route, states_of(route), certificates_.of_route(route.v_host),
            find_auth_provider(route.auth_provider)};
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

std::vector<std::string> Configuration::unknown_names_of(std::span<const RouteConfig> routes,
                                                         const Replacement& replacement) const {
    std::set<std::string> names;
    for (const RouteConfig& route : routes) names.merge(names_in(route));
    for (const auto& [id, provider] : replacement.auth_providers) {
        if (!provider) continue;
        if (auto name = name_to_look_up(provider->config)) names.insert(std::move(*name));
    }
    std::erase_if(names, [this](const std::string& name) { return names_.knows(name); });
    return {names.begin(), names.end()};
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

void Configuration::tell(std::optional<Event> event) {
    if (!event) return;
    when_published([this, told = *std::move(event)] {
        std::visit([this](const auto& which) { events_.publish(which); }, told);
    });
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
