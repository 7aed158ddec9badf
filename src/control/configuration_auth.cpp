// The part of Configuration that is about auth providers.
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "control/configuration.hpp"

namespace penstock::control {

namespace {

/// As what Names knows an auth provider, beside vHosts, which have no colon.
std::string user_of_names(const std::string& id) {
    return "auth-provider:" + id;
}

/// Keys that have been fetched are good for the provider's next version too, where that has them
/// from the same place: nobody is turned away until they have been fetched again.
void carry_keys(const snapshot::AuthProvider& before, const snapshot::AuthProvider& after) {
    const auto* const old_one = std::get_if<snapshot::JwtVerification>(&before.method);
    const auto* const new_one = std::get_if<snapshot::JwtVerification>(&after.method);
    if (old_one == nullptr || new_one == nullptr) return;
    const auto& from = old_one->remote;
    const auto& to = new_one->remote;
    if (from != nullptr && to != nullptr && from->source == to->source)
        to->keys.set(from->keys.get());
}

}  // namespace

Configuration::Outcome Configuration::put_auth_provider(CheckedAuthProvider provider, Order order) {
    const std::string id = provider.config.id;
    if (program_providers_.contains(id)) {
        return Failure{Refusal{
            http::Status::conflict,
            "",
            {{"/id", "is a provider of the embedding program", model::FieldErrorKind::conflict}}}};
    }
    if (order.mode == Mode::check) return std::uint64_t{0};
    const auto name = name_to_look_up(provider.config);
    if (name && order.mode == Mode::apply && !names_.knows(*name)) return later({*name});
    Replacement replacement;
    replacement.auth_providers[id] = std::move(provider);
    return replace(std::move(replacement), {"the auth provider " + id, std::move(order.by)});
}

Configuration::Outcome Configuration::remove_auth_provider(const std::string& id, Order order) {
    PENSTOCK_ASSERT(auth_providers_.contains(id));
    if (const auto users = users_of(id); !users.empty()) {
        constexpr std::size_t most_named = 10;
        std::string names;
        std::size_t named = 0;
        for (const std::string& v_host : users) {
            if (named == most_named) break;
            names += named++ == 0 ? "" : ", ";
            names += v_host;
        }
        if (users.size() > named) names += fmt::format(" and {} more", users.size() - named);
        return Failure{Refusal{
            http::Status::conflict, fmt::format("It is in use, by the routes of {}.", names), {}}};
    }
    if (order.mode == Mode::check) return std::uint64_t{0};
    Replacement replacement;
    replacement.auth_providers[id] = std::nullopt;
    return replace(std::move(replacement),
                   {fmt::format("no auth provider {} any more", id), std::move(order.by)});
}

/// The vHosts of the routes that name it.
std::set<std::string> Configuration::users_of(std::string_view id) const {
    std::set<std::string> users;
    for (const auto& [v_host, route] : routes_) {
        if (route.auth_provider == id) users.insert(v_host);
    }
    return users;
}

Configuration::Outcome Configuration::set_program_provider(const std::string& id,
                                                           AuthProviderPtr provider) {
    if (auth_providers_.contains(id)) {
        return Failure{
            Refusal{http::Status::conflict, fmt::format("\"{}\" is a stored provider.", id), {}}};
    }
    const auto set = [this, &id](AuthProviderPtr now) {
        if (now == nullptr)
            program_providers_.erase(id);
        else
            program_providers_[id] = std::move(now);
    };
    AuthProviderPtr before = find_auth_provider(id);
    set(std::move(provider));
    if (refresh_all(users_of(id))) return publisher_.epoch();
    set(std::move(before));
    return Failure{Refusal{http::Status::service_unavailable,
                           "Requests under way hold too many old versions of routes.",
                           {}}};
}

void Configuration::check_auth_provider_of(const RouteConfig& route, std::string_view base,
                                           model::FieldErrors& errors) const {
    if (route.auth_provider && find_auth_provider(route.auth_provider) == nullptr)
        errors.push_back(no_auth_provider(*route.auth_provider, base));
}

/// Null where there is none of that id, or no id.
AuthProviderPtr Configuration::find_auth_provider(const std::optional<std::string>& id) const {
    if (!id) return nullptr;
    const auto stored = auth_providers_.find(*id);
    if (stored != auth_providers_.end()) return stored->second.compiled;
    const auto of_program = program_providers_.find(*id);
    return of_program == program_providers_.end() ? nullptr : of_program->second;
}

/// The same as it will be.
AuthProviderPtr Configuration::find_auth_provider(const std::optional<std::string>& id,
                                                  const Replacement& replacement) const {
    if (!id) return nullptr;
    const auto changed = replacement.auth_providers.find(*id);
    if (changed == replacement.auth_providers.end()) return find_auth_provider(id);
    return changed->second ? changed->second->compiled : nullptr;
}

/// These are the only ones.
void Configuration::use_all(std::vector<CheckedAuthProvider> providers,
                            Replacement& replacement) const {
    for (const auto& [id, provider] : auth_providers_)
        replacement.auth_providers[id] = std::nullopt;
    for (CheckedAuthProvider& provider : providers) {
        std::string id = provider.config.id;
        replacement.auth_providers[std::move(id)] = std::move(provider);
    }
}

/// What stays as it is stays compiled as it is, and needs no row: what is known of credentials is
/// good still. Routes whose provider alone changes are published anew with it.
void Configuration::settle_auth_providers(Replacement& replacement) const {
    std::erase_if(replacement.auth_providers, [this](const auto& change) {
        const auto now = auth_providers_.find(change.first);
        if (now == auth_providers_.end()) return !change.second.has_value();
        return change.second && change.second->config == now->second.config;
    });
    if (replacement.auth_providers.empty()) return;
    for (const auto& [id, provider] : replacement.auth_providers) {
        const auto now = auth_providers_.find(id);
        if (provider && now != auth_providers_.end())
            carry_keys(*now->second.compiled, *provider->compiled);
        if (provider)
            replacement.rows.push_back(row_of(provider->config));
        else
            replacement.rows.push_back({RowKind::auth_provider, id, std::nullopt});
    }
    for (const auto& [v_host, route] : routes_) {
        if (!route.auth_provider || !replacement.auth_providers.contains(*route.auth_provider) ||
            replacement.routes.contains(v_host))
            continue;
        replacement.routes[v_host] = route;
        replacement.of_routes[v_host] = certificates_.of_route(v_host);
    }
}

/// They have been stored.
void Configuration::take_auth_providers(Replacement& replacement) {
    for (auto& [id, provider] : replacement.auth_providers) {
        if (group_) keep_before(id);
        set_auth_provider(id, std::move(provider));
        when_published([this, changed = id] {
            if (auth_provider_changed_)
                auth_provider_changed_(changed, find_auth_provider(changed));
        });
    }
}

/// Nothing: it goes.
void Configuration::set_auth_provider(const std::string& id,
                                      std::optional<CheckedAuthProvider> provider) {
    if (provider) {
        auth_providers_[id] = std::move(*provider);
        use_name_of(id);
    } else {
        auth_providers_.erase(id);
        names_.use(user_of_names(id), {});
    }
}

/// From now on the provider's host is looked up, where it asks one by its name.
void Configuration::use_name_of(const std::string& id) {
    const auto name = name_to_look_up(auth_providers_.at(id).config);
    names_.use(user_of_names(id), name ? std::set{*name} : std::set<std::string>());
    if (name) refresh_addresses_of(id);
}

/// Its name has been resolved, or resolved anew: no route is published for that.
void Configuration::refresh_addresses_of(const std::string& id) {
    const auto* const target = auth_providers_.at(id).compiled->target();
    if (target != nullptr) target->addresses->set(names_.addresses(target->hostname, target->port));
}

/// True where what Names calls by this is a provider, which has been told.
bool Configuration::refresh_auth_provider(const std::string& user) {
    for (const auto& [id, provider] : auth_providers_) {
        if (user_of_names(id) != user) continue;
        refresh_addresses_of(id);
        return true;
    }
    return false;
}

Result<void, Refusal> Configuration::load_auth_providers() {
    const auto rows = store_.rows(RowKind::auth_provider);
    if (!rows) return unreadable(rows.error().message);
    for (const Row& row : *rows) {
        auto config = read_auth_provider_row(row);
        if (!config) return unreadable(config.error().message);
        model::Draft<AuthProviderConfig> draft{std::move(*config), {}};
        auto compiled = check_auth_provider(draft);
        if (compiled == nullptr) {
            return unreadable(
                fmt::format("The store's auth provider \"{}\" is not what was put there.", row.id),
                std::move(draft.errors));
        }
        auth_providers_[row.id] = {std::move(draft.value), std::move(compiled)};
        use_name_of(row.id);
    }
    return {};
}

}  // namespace penstock::control
