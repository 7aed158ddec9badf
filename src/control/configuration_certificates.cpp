// The part of Configuration that is about certificates.
#include <ctime>
#include <utility>

#include "base/assert.hpp"
#include "control/configuration.hpp"

namespace penstock::control {

namespace {

using net::tls::Certificate;

template <class E>
E event_of(const std::string& domain, const Certificate& certificate) {
    E event;
    event.domain = domain;
    event.key_kind = name_of(certificate.key_kind());
    event.fingerprint = certificate.fingerprint();
    event.not_after = std::chrono::system_clock::from_time_t(certificate.not_after());
    return event;
}

}  // namespace

Configuration::Outcome Configuration::put_certificate(const CertificateConfig& config,
                                                      CertificatePtr certificate, Order order) {
    if (order.mode == Mode::check) return std::uint64_t{0};
    const CertificateSet* others = certificates_.find(config.domain);
    const bool replaces = others != nullptr && others->has(certificate->key_kind());
    const CertificateChange change{config.domain, certificate};
    auto outcome = commit({}, std::span(&change, 1), {row_of(config, certificate->key_kind())},
                          {"the certificate for " + config.domain, std::move(order.by)});
    if (!outcome) return outcome;
    if (replaces)
        tell(event_of<CertificateChanged>(config.domain, *certificate));
    else
        tell(event_of<CertificateCreated>(config.domain, *certificate));
    return outcome;
}

Configuration::Outcome Configuration::remove_certificates(const std::string& domain, Order order) {
    PENSTOCK_ASSERT(certificates_.find(domain) != nullptr);
    if (order.mode == Mode::check) return std::uint64_t{0};
    const CertificateSet gone = *certificates_.find(domain);
    const CertificateChange change{domain, nullptr};
    std::vector<RowChange> rows;
    add_rows_without(domain, rows);
    auto outcome = commit({}, std::span(&change, 1), std::move(rows),
                          {"no certificates for " + domain + " any more", std::move(order.by)});
    if (!outcome) return outcome;
    for (const CertificatePtr& certificate : gone.by_kind) {
        if (certificate != nullptr) tell(event_of<CertificateDeleted>(domain, *certificate));
    }
    return outcome;
}

/// What there is to tell when these changes are made, in turn.
void Configuration::add_events_of(std::span<const CertificateChange> changes,
                                  std::vector<Event>& events) const {
    std::map<std::string, CertificateSet> after;
    for (const CertificateChange& change : changes) {
        const CertificateSet* const before = certificates_.find(change.domain);
        CertificateSet& set =
            after.emplace(change.domain, before == nullptr ? CertificateSet() : *before)
                .first->second;
        if (change.certificate == nullptr)
            set = {};
        else
            set.of(change.certificate->key_kind()) = change.certificate;
    }
    for (const auto& [domain, set] : after) {
        const CertificateSet* const before = certificates_.find(domain);
        for (std::size_t kind = 0; kind < set.by_kind.size(); ++kind) {
            const CertificatePtr& now = set.by_kind[kind];
            const CertificatePtr old = before == nullptr ? nullptr : before->by_kind[kind];
            if (old == nullptr && now != nullptr)
                events.emplace_back(event_of<CertificateCreated>(domain, *now));
            else if (old != nullptr && now == nullptr)
                events.emplace_back(event_of<CertificateDeleted>(domain, *old));
            else if (old != nullptr && old->id() != now->id())
                events.emplace_back(event_of<CertificateChanged>(domain, *now));
        }
    }
}

/// The rows of what the domain has go.
void Configuration::add_rows_without(const std::string& domain,
                                     std::vector<RowChange>& rows) const {
    const CertificateSet* const set = certificates_.find(domain);
    if (set == nullptr) return;
    for (const CertificatePtr& certificate : set->by_kind) {
        if (certificate == nullptr) continue;
        rows.push_back({RowKind::certificate, certificate_row_id(domain, certificate->key_kind()),
                        std::nullopt});
    }
}

/// These are the only ones that were uploaded. What stays as it is needs no row.
Result<void, Refusal> Configuration::add_all(const std::vector<CheckedCertificate>& certificates,
                                             Replacement& replacement) const {
    const auto stored = store_.rows(RowKind::certificate);
    if (!stored) return unreadable(stored.error().message);
    std::map<std::string, std::optional<std::string>> rows;
    for (const Row& row : *stored) rows[row.id] = std::nullopt;
    for (const auto& [domain, set] : certificates_.domains())
        replacement.certificates.push_back({domain, nullptr});
    for (const CheckedCertificate& checked : certificates) {
        replacement.certificates.push_back({checked.config.domain, checked.certificate});
        RowChange row = row_of(checked.config, checked.certificate->key_kind());
        rows[std::move(row.id)] = std::move(row.value);
    }
    for (const Row& row : *stored) {
        if (rows[row.id] == row.value) rows.erase(row.id);
    }
    for (auto& [id, value] : rows)
        replacement.rows.push_back({RowKind::certificate, id, std::move(value)});
    return {};
}

CertificatePtr Configuration::certificate_for(const RouteConfig& route, std::string_view base,
                                              model::FieldErrors& errors) const {
    if (!route.ssl) return nullptr;
    // What was accepted once is not refused for its age when something else of the route changes.
    const RouteConfig* before = find(route.v_host);
    const bool is_known = before != nullptr && before->ssl == route.ssl;
    return check_ssl(route, base, is_known ? Certificate::any_time : std::time(nullptr), errors);
}

/// What has been stored is in force with the next publication. All that goes before all that comes:
/// a name may move from one route to another.
void Configuration::take_certificates(std::span<const snapshot::RouteChange> routes,
                                      std::span<const CertificateChange> certificates) {
    for (const snapshot::RouteChange& change : routes) certificates_.remove_route(change.v_host);
    for (const snapshot::RouteChange& change : routes) {
        if (change.config != nullptr) certificates_.set_route(*change.config, change.certificate);
    }
    for (const CertificateChange& change : certificates) {
        if (change.certificate == nullptr)
            certificates_.remove(change.domain);
        else
            certificates_.put(change.domain, change.certificate);
    }
}

}  // namespace penstock::control
