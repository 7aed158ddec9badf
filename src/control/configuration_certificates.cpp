// The part of Configuration that is about certificates.
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/log.hpp"
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

/// A restart serves what it served before, be it expired by now: better warned of by clients than
/// refused to them.
Result<void, Refusal> Configuration::load_certificates() {
    auto stored = store_.load_certificates();
    if (!stored) {
        return Failure{Refusal{http::Status::internal_server_error, stored.error().message, {}}};
    }
    for (CertificateConfig& config : *stored) {
        model::Draft<CertificateConfig> draft{std::move(config), {}};
        auto certificate = check_certificate(draft, Certificate::any_time);
        if (certificate == nullptr) {
            return Failure{
                Refusal{http::Status::internal_server_error,
                        fmt::format("The store's certificate for \"{}\" is not what was put there.",
                                    draft.value.domain),
                        std::move(draft.errors)}};
        }
        if (certificate->not_after() < std::time(nullptr)) {
            log(LogLevel::warn, "a certificate has expired",
                {{"domain", draft.value.domain}, {"fingerprint", certificate->fingerprint()}});
        }
        certificates_.put(draft.value.domain, std::move(certificate));
    }
    return {};
}

Configuration::Outcome Configuration::put_certificate(const CertificateConfig& config,
                                                      CertificatePtr certificate, Mode mode) {
    if (mode == Mode::check) return std::uint64_t{0};
    const CertificateSet* others = certificates_.find(config.domain);
    const bool replaces = others != nullptr && others->has(certificate->key_kind());
    const CertificateChange change{config.domain, &config, certificate};
    auto outcome = commit({}, std::span(&change, 1));
    if (!outcome) return outcome;
    if (replaces)
        events_.publish(event_of<CertificateChanged>(config.domain, *certificate));
    else
        events_.publish(event_of<CertificateCreated>(config.domain, *certificate));
    return outcome;
}

Configuration::Outcome Configuration::remove_certificates(const std::string& domain, Mode mode) {
    PENSTOCK_ASSERT(certificates_.find(domain) != nullptr);
    if (mode == Mode::check) return std::uint64_t{0};
    const CertificateSet gone = *certificates_.find(domain);
    const CertificateChange change{domain, nullptr, nullptr};
    auto outcome = commit({}, std::span(&change, 1));
    if (!outcome) return outcome;
    for (const CertificatePtr& certificate : gone.by_kind) {
        if (certificate != nullptr)
            events_.publish(event_of<CertificateDeleted>(domain, *certificate));
    }
    return outcome;
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
        if (change.config == nullptr)
            certificates_.remove(change.domain);
        else
            certificates_.put(change.domain, change.certificate);
    }
}

}  // namespace penstock::control
