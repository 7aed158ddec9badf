// The part of Configuration that is about its store: what is read at start, what a change writes.
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/configuration.hpp"

namespace penstock::control {

namespace {

using net::tls::Certificate;
using snapshot::RouteChange;

}  // namespace

Configuration::Outcome Configuration::load() {
    const auto rows = store_.rows(RowKind::route);
    if (!rows) return unreadable(rows.error().message);
    const auto revisions = store_.revisions();
    if (!revisions) return unreadable(revisions.error().message);
    if (!revisions->empty()) last_revision_ = revisions->back().number;
    if (auto loaded = load_certificates(); !loaded) return Failure{std::move(loaded.error())};
    if (auto loaded = load_auth_providers(); !loaded) return Failure{std::move(loaded.error())};
    if (auto loaded = load_marks(); !loaded) return Failure{std::move(loaded.error())};
    if (auto loaded = load_process(); !loaded) return Failure{std::move(loaded.error())};
    std::vector<RouteConfig> stored;
    for (const Row& row : *rows) {
        auto route = read_route_row(row);
        if (!route) return unreadable(route.error().message);
        stored.push_back(std::move(*route));
    }
    std::vector<RouteChange> changes;
    for (const RouteConfig& route : stored) {
        changes.push_back(change_to(route));
        if (!route.ssl) continue;
        model::FieldErrors errors;
        changes.back().certificate = check_ssl(route, "", Certificate::any_time, errors);
        if (!errors.empty()) {
            return unreadable("The store's route is not what was put there.", std::move(errors));
        }
    }
    take_certificates(changes, {});
    const std::uint64_t epoch = publish(changes);
    for (RouteConfig& route : stored) remember(std::move(route));
    return epoch;
}

/// A restart serves what it served before, be it expired by now: better warned of by clients than
/// refused to them.
Result<void, Refusal> Configuration::load_certificates() {
    const auto rows = store_.rows(RowKind::certificate);
    if (!rows) return unreadable(rows.error().message);
    for (const Row& row : *rows) {
        auto config = read_certificate_row(row);
        if (!config) return unreadable(config.error().message);
        model::Draft<CertificateConfig> draft{std::move(*config), {}};
        auto certificate = check_certificate(draft, Certificate::any_time);
        if (certificate == nullptr) {
            return unreadable(
                fmt::format("The store's certificate for \"{}\" is not what was put there.",
                            draft.value.domain),
                std::move(draft.errors));
        }
        if (certificate->not_after() < std::time(nullptr)) {
            log(LogLevel::warn, "a certificate has expired",
                {{"domain", draft.value.domain}, {"fingerprint", certificate->fingerprint()}});
        }
        certificates_.put(draft.value.domain, std::move(certificate));
    }
    return {};
}

Result<std::vector<CertificateConfig>> Configuration::certificate_configs() const {
    const auto rows = store_.rows(RowKind::certificate);
    if (!rows) return Failure{rows.error()};
    std::vector<CertificateConfig> configs;
    for (const Row& row : *rows) {
        auto config = read_certificate_row(row);
        if (!config) return Failure{config.error()};
        configs.push_back(std::move(*config));
    }
    return configs;
}

Result<void, Refusal> Configuration::load_marks() {
    const auto rows = store_.rows(RowKind::maintenance);
    if (!rows) return unreadable(rows.error().message);
    for (const Row& row : *rows) {
        auto marks = read_marks_row(row);
        if (!marks) return unreadable(marks.error().message);
        maintenance_.emplace(row.id, std::move(*marks));
    }
    return {};
}

Result<void, Refusal> Configuration::load_process() {
    const auto rows = store_.rows(RowKind::process);
    if (!rows) return unreadable(rows.error().message);
    for (const Row& row : *rows) process_ = row.value;
    return {};
}

model::FieldErrors Configuration::check_process(const model::ProcessFlags& process) const {
    if (process_check_) return process_check_(process);
    model::FieldErrors errors;
    for (const model::ProcessFlag& flag : process.flags)
        errors.push_back(
            {model::child_pointer("/process", flag.name), "is no flag of the program"});
    return errors;
}

/// Routes as they will be, and the marks that are left of theirs. What stays as it is needs no row.
void Configuration::add_rows_of(std::span<const RouteChange> changes,
                                std::vector<RowChange>& rows) const {
    for (const RouteChange& change : changes) {
        const RouteConfig* const before = find(change.v_host);
        if (change.config == nullptr)
            rows.push_back({RowKind::route, change.v_host, std::nullopt});
        else if (before == nullptr || *before != *change.config)
            rows.push_back(row_of(*change.config));
        const auto marks = maintenance_.find(change.v_host);
        if (marks == maintenance_.end()) continue;
        const Marks left = marks_left(change.v_host, change.config);
        if (left != marks->second) rows.push_back(row_of(change.v_host, left));
    }
}

/// Stored, then in force. `rows` is what of both changes is stored; nothing, and there is no
/// revision.
Configuration::Outcome Configuration::commit(std::span<const RouteChange> changes,
                                             std::span<const CertificateChange> certificates,
                                             std::vector<RowChange> rows, Reason reason) {
    const std::size_t in_group = group_ ? group_->routes.size() : 0;
    if (!publisher_.has_room(in_group + changes.size())) {
        return Failure{Refusal{http::Status::service_unavailable,
                               "Requests under way hold too many old versions of routes.",
                               {}}};
    }
    if (!rows.empty()) {
        const Revision revision{last_revision_ + 1, unix_milliseconds(), std::move(reason.what),
                                std::move(reason.by)};
        if (const auto committed = store_.commit(rows, &revision); !committed) {
            if (group_) group_->has_failed = true;
            return Failure{
                Refusal{http::Status::insufficient_storage, committed.error().message, {}}};
        }
        last_revision_ = revision.number;
    }
    if (group_) keep_before(changes, certificates);
    take_certificates(changes, certificates);
    return group_ ? publisher_.epoch() + 1 : publish(changes);
}

}  // namespace penstock::control
