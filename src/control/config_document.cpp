#include "control/config_document.hpp"

#include <ctime>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "model/auth_provider.hpp"
#include "model/host_pattern.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using model::Secrets;
using net::tls::Certificate;

/// By the ids of their rows, the order that the store gives them in.
using CertificateConfigs = std::map<std::string, CertificateConfig>;

template <class Routes, class RouteOf>
std::string write_document(const std::string& process, const Routes& routes, RouteOf route_of,
                           const AuthProviders& auth_providers,
                           const CertificateConfigs& certificates) {
    std::string out;
    {
        model::JsonObject object(out);
        object.key("version") += '1';
        object.key("process") += process;
        {
            model::JsonList list(object.key("routes"));
            for (const auto& item : routes)
                model::write_configured(list.next(), route_of(item), Secrets::left_out);
        }
        {
            model::JsonList list(object.key("authProviders"));
            for (const auto& [id, provider] : auth_providers)
                model::write_configured(list.next(), provider.config, Secrets::left_out);
        }
        model::JsonList list(object.key("certificates"));
        for (const auto& [id, config] : certificates)
            model::write_configured(list.next(), config, Secrets::left_out);
    }
    return out;
}

/// The key, where the document leaves it out: that of the same certificate, or else one of the same
/// domain that fits.
CertificatePtr check_with_known(model::Draft<CertificateConfig>& draft,
                                const std::vector<CertificateConfig>& stored) {
    const auto domain = model::canonical_host_pattern(draft.value.domain);
    const auto is_of_domain = [&](const auto& known) { return domain && known.domain == *domain; };
    for (const CertificateConfig& known : stored) {
        if (!is_of_domain(known) || known.cert != draft.value.cert) continue;
        if (draft.value.key.empty()) draft.value.key = known.key;
        // What was accepted once is not refused for its age.
        if (draft.value.key == known.key) return check_certificate(draft, Certificate::any_time);
    }
    for (const CertificateConfig& known : stored) {
        if (!is_of_domain(known) || !draft.value.key.empty()) continue;
        auto with_key = draft;
        with_key.value.key = known.key;
        if (auto certificate = check_certificate(with_key, std::time(nullptr))) {
            draft = std::move(with_key);
            return certificate;
        }
    }
    return check_certificate(draft, std::time(nullptr));
}

/// Those of the document, by their rows; what is wrong with them is added to its errors.
std::map<std::string, CheckedCertificate> check_certificates(
    model::Draft<model::ConfigDocument>& draft, const std::vector<CertificateConfig>& stored) {
    std::map<std::string, CheckedCertificate> checked;
    auto& configs = draft.value.certificates;
    for (std::size_t i = 0; i < configs.size(); ++i) {
        const std::string base = model::child_pointer("/certificates", i);
        model::Draft<CertificateConfig> one{std::move(configs[i]), {}};
        auto certificate = check_with_known(one, stored);
        for (model::FieldError& error : one.errors) error.pointer.insert(0, base);
        model::add_new(draft.errors, std::move(one.errors));
        if (certificate == nullptr) continue;
        std::string id = certificate_row_id(one.value.domain, certificate->key_kind());
        CheckedCertificate made{std::move(one.value), std::move(certificate)};
        if (!checked.emplace(std::move(id), std::move(made)).second) {
            draft.errors.push_back({base, "another of this domain has the same kind of key"});
        }
    }
    return checked;
}

/// Those of the document, by id; what is wrong with them is added to its errors.
AuthProviders check_auth_providers(model::Draft<model::ConfigDocument>& draft,
                                   const Configuration& configuration) {
    AuthProviders checked;
    auto& configs = draft.value.auth_providers;
    for (std::size_t i = 0; i < configs.size(); ++i) {
        model::Draft<AuthProviderConfig> one{std::move(configs[i]), {}};
        auto compiled = check_auth_provider(one);
        for (model::FieldError& error : one.errors)
            error.pointer.insert(0, model::child_pointer("/authProviders", i));
        model::add_new(draft.errors, std::move(one.errors));
        if (compiled == nullptr) continue;
        std::string id = one.value.id;
        if (configuration.has_program_provider(id)) {
            draft.errors.push_back({model::child_pointer("/authProviders", i) + "/id",
                                    "is a provider of the embedding program",
                                    model::FieldErrorKind::conflict});
        }
        checked.emplace(std::move(id),
                        CheckedAuthProvider{std::move(one.value), std::move(compiled)});
    }
    return checked;
}

/// Where everything else is well, replace_all() finds them.
void add_ssl_errors(const Configuration& configuration, const std::vector<RouteConfig>& routes,
                    model::FieldErrors& errors) {
    for (std::size_t i = 0; i < routes.size() && errors.size() < model::most_errors; ++i) {
        model::FieldErrors faults;
        configuration.certificate_for(routes[i], model::child_pointer("/routes", i), faults);
        model::add_new(errors, std::move(faults));
    }
}

}  // namespace

Result<std::string> current_document(const Configuration& configuration) {
    const auto stored = configuration.certificate_configs();
    if (!stored) return Failure{stored.error()};
    CertificateConfigs certificates;
    for (std::size_t i = 0; i < stored->size(); ++i)
        certificates.emplace(fmt::format("{:08}", i), (*stored)[i]);
    return write_document(
        configuration.process(), configuration.routes(),
        [](const auto& item) -> const RouteConfig& { return item.second; },
        configuration.auth_providers(), certificates);
}

Configuration::Outcome apply_document(model::Draft<model::ConfigDocument> draft,
                                      Configuration& configuration, Configuration::Mode mode,
                                      Configuration::Whole whole, std::string* shown) {
    const auto stored = configuration.certificate_configs();
    if (!stored) return unreadable(stored.error().message);
    for (RouteConfig& route : draft.value.routes) {
        if (const RouteConfig* before = configuration.find_same(route))
            model::inherit_secrets(route, *before);
    }
    for (AuthProviderConfig& provider : draft.value.auth_providers) {
        const auto before = configuration.auth_providers().find(provider.id);
        if (before != configuration.auth_providers().end())
            model::inherit_secrets(provider, before->second.config);
    }
    model::check(draft);
    model::add_new(draft.errors, configuration.check_process(draft.value.process));
    AuthProviders providers = check_auth_providers(draft, configuration);
    auto checked = check_certificates(draft, *stored);
    auto& routes = draft.value.routes;
    if (!draft.errors.empty()) {
        add_ssl_errors(configuration, routes, draft.errors);
        return Failure{Refusal{http::Status::unprocessable_content, "", std::move(draft.errors)}};
    }
    CertificateConfigs certificates;
    whole.certificates.emplace();
    for (auto& [id, one] : checked) {
        if (shown != nullptr) certificates.emplace(id, one.config);
        whole.certificates->push_back(std::move(one));
    }
    if (shown != nullptr) {
        std::map<std::string_view, const RouteConfig*> sorted;
        for (const RouteConfig& route : routes) sorted[route.v_host] = &route;
        *shown = write_document(
            draft.value.process.json, sorted,
            [](const auto& item) -> const RouteConfig& { return *item.second; }, providers,
            certificates);
    }
    whole.process = std::move(draft.value.process.json);
    whole.auth_providers.emplace();
    for (auto& [id, provider] : providers) whole.auth_providers->push_back(std::move(provider));
    return configuration.replace_all(std::move(routes), mode, std::move(whole));
}

}  // namespace penstock::control
