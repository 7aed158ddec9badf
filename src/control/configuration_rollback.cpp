// The part of Configuration that goes back to an earlier revision.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "control/configuration.hpp"

namespace penstock::control {

namespace {

using net::tls::Certificate;

/// The domain of a certificate's row, and which kind of key.
std::pair<std::string, Certificate::KeyKind> parts_of(const std::string& row_id) {
    const std::string domain = row_id.substr(0, row_id.rfind('/'));
    for (std::size_t i = 0; i < Certificate::key_kinds; ++i) {
        const auto kind = static_cast<Certificate::KeyKind>(i);
        if (certificate_row_id(domain, kind) == row_id) return {domain, kind};
    }
    return {domain, Certificate::KeyKind::rsa};
}

}  // namespace

/// Its route as it was, with its certificate; both were accepted then, whatever the date is now.
Result<void, Refusal> Configuration::take_back_route(const RowChange& change,
                                                     Replacement& replacement) const {
    std::optional<RouteConfig>& route = replacement.routes[change.id];
    if (!change.value) return {};
    auto read = read_route_row({change.id, *change.value});
    if (!read) return unreadable(read.error().message);
    route = std::move(*read);
    if (!route->ssl) return {};
    model::FieldErrors errors;
    replacement.of_routes[change.id] = check_ssl(*route, "", Certificate::any_time, errors);
    if (errors.empty()) return {};
    return unreadable("The store's route is not what was put there.");
}

/// What it was made of was accepted then.
Result<void, Refusal> Configuration::take_back_auth_provider(const RowChange& change,
                                                             Replacement& replacement) const {
    std::optional<CheckedAuthProvider>& provider = replacement.auth_providers[change.id];
    if (!change.value) return {};
    if (program_providers_.contains(change.id)) {
        return Failure{
            Refusal{http::Status::conflict,
                    fmt::format("\"{}\" is a provider of the embedding program now.", change.id),
                    {}}};
    }
    auto config = read_auth_provider_row({change.id, *change.value});
    if (!config) return unreadable(config.error().message);
    model::Draft<AuthProviderConfig> draft{std::move(*config), {}};
    auto compiled = check_auth_provider(draft);
    if (compiled == nullptr)
        return unreadable("The store's auth provider is not what was put there.");
    provider = {std::move(draft.value), std::move(compiled)};
    return {};
}

/// What the domains will have is in `after`.
Result<void, Refusal> Configuration::take_back_certificate(
    const RowChange& change, std::map<std::string, CertificateSet>& after) const {
    const auto [domain, kind] = parts_of(change.id);
    const CertificateSet* const before = certificates_.find(domain);
    CertificateSet& set =
        after.emplace(domain, before == nullptr ? CertificateSet() : *before).first->second;
    set.of(kind) = nullptr;
    if (!change.value) return {};
    auto config = read_certificate_row({change.id, *change.value});
    if (!config) return unreadable(config.error().message);
    model::Draft<CertificateConfig> draft{std::move(*config), {}};
    set.of(kind) = check_certificate(draft, Certificate::any_time);
    if (set.of(kind) != nullptr) return {};
    return unreadable("The store's certificate is not what was put there.");
}

Result<void, Refusal> Configuration::take_back(const std::vector<RowChange>& changes,
                                               Replacement& replacement,
                                               std::map<std::string, Marks>& marks) const {
    std::map<std::string, CertificateSet> certificates;
    for (const RowChange& change : changes) {
        Result<void, Refusal> taken;
        if (change.kind == RowKind::route) {
            taken = take_back_route(change, replacement);
        } else if (change.kind == RowKind::certificate) {
            taken = take_back_certificate(change, certificates);
            replacement.rows.push_back(change);
        } else if (change.kind == RowKind::auth_provider) {
            taken = take_back_auth_provider(change, replacement);
        } else if (change.kind == RowKind::process) {
            replacement.process = change.value.value_or("{}");
        } else if (change.kind == RowKind::maintenance) {
            auto read = change.value ? read_marks_row({change.id, *change.value}) : Marks();
            if (!read) return unreadable(read.error().message);
            marks[change.id] = std::move(*read);
            replacement.rows.push_back(change);
        }  // what the node keeps for itself is no part of the configuration
        if (!taken) return taken;
    }
    for (const auto& [domain, set] : certificates) {
        replacement.certificates.push_back({domain, nullptr});
        for (const CertificatePtr& certificate : set.by_kind) {
            if (certificate != nullptr) replacement.certificates.push_back({domain, certificate});
        }
    }
    // A route whose marks alone change is published anew with them.
    for (const auto& [v_host, left] : marks) {
        const RouteConfig* const route = find(v_host);
        const auto now = maintenance_.find(v_host);
        const bool same = now == maintenance_.end() ? left.empty() : now->second == left;
        if (same || route == nullptr || replacement.routes.contains(v_host)) continue;
        replacement.routes[v_host] = *route;
        replacement.of_routes[v_host] = certificates_.of_route(v_host);
    }
    return {};
}

Configuration::Outcome Configuration::roll_back(std::uint64_t number, Order order) {
    PENSTOCK_ASSERT(!group_);
    const auto revisions = store_.revisions();
    if (!revisions) return unreadable(revisions.error().message);
    const bool is_kept = std::any_of(revisions->begin(), revisions->end(),
                                     [number](const auto& one) { return one.number == number; });
    if (!is_kept) {
        return Failure{Refusal{http::Status::unprocessable_content,
                               "",
                               {{"/revision", "is none of those that are kept"}}}};
    }
    const auto changes = store_.changes_back_to(number);
    if (!changes) return unreadable(changes.error().message);
    Replacement replacement;
    std::map<std::string, Marks> marks = maintenance_;
    if (auto taken = take_back(*changes, replacement, marks); !taken)
        return Failure{std::move(taken.error())};
    if (order.mode == Mode::check) return std::uint64_t{0};
    std::vector<RouteConfig> routes;
    for (const auto& [v_host, route] : replacement.routes) {
        if (route) routes.push_back(*route);
    }
    if (auto names = unknown_names_of(routes, replacement);
        order.mode == Mode::apply && !names.empty())
        return later(std::move(names));
    std::swap(maintenance_, marks);
    auto outcome = replace(std::move(replacement),
                           {fmt::format("back to revision {}", number), std::move(order.by)});
    if (!outcome) maintenance_ = std::move(marks);
    std::erase_if(maintenance_, [](const auto& entry) { return entry.second.empty(); });
    return outcome;
}

}  // namespace penstock::control
