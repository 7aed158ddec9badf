#include <ctime>

#include <penstock/proxy_manager.hpp>

#include "app/option_values.hpp"
#include "app/options.hpp"
#include "app/proxy.hpp"
#include "model/auth_provider.hpp"
#include "model/field_names.hpp"
#include "model/host_pattern.hpp"
#include "model/route.hpp"
#include "model/uuid.hpp"
#include "model/validate.hpp"

namespace penstock {

namespace {

/// The command line's defaults with what an embedding program has chosen.
Result<app::Options> options_of(const ProxyOptions& chosen) {
    const char* const argv[] = {"penstock"};
    auto parsed = app::parse_options(1, argv);
    if (!parsed) return Failure{parsed.error()};
    auto options = std::get<app::Options>(std::move(*parsed));
    const auto address = net::Address::parse(chosen.address, chosen.port);
    if (!address) return Failure{Error{"not an address: " + chosen.address}};
    options.http = {*address};
    if (chosen.ssl_port) options.https = {*net::Address::parse(chosen.address, *chosen.ssl_port)};
    options.admin = net::Address();
    options.admin_fd.reset();
    if (!chosen.admin.empty()) {
        const auto admin = net::Address::parse_endpoint(chosen.admin);
        if (!admin) return Failure{Error{"not an address: " + chosen.admin}};
        if (admin->family() != AF_UNIX && !admin->is_loopback())
            return Failure{Error{"not a loopback address, nor a Unix socket: " + chosen.admin}};
        options.admin = *admin;
    }
    if (chosen.workers != 0) options.workers = chosen.workers;
    options.drain_timeout = chosen.drain_timeout;
    options.max_memory = 0;  // the program around us has a use for its memory, too
    options.watchdog = {};   // whether its process ends is for the program to say
    const auto store = app::parse_store(chosen.store);
    if (!store) return Failure{Error{"not a store: " + chosen.store}};
    options.store = *store;
    return options;
}

control::Configuration::Outcome refuse(model::FieldErrors errors) {
    return Failure{control::Refusal{.detail = {}, .errors = std::move(errors)}};
}

control::Configuration::Outcome put(control::Configuration& configuration, const RouteConfig& route,
                                    bool may_replace) {
    model::Draft<RouteConfig> draft{.value = route, .errors = {}};
    const auto v_host = model::canonical_host_pattern(route.v_host);
    const RouteConfig* before = v_host ? configuration.find(*v_host) : nullptr;
    if (before != nullptr && may_replace) model::inherit_secrets(draft.value, *before);
    model::check(draft);
    configuration.check_auth_provider_of(draft.value, "", draft.errors);
    if (!draft.errors.empty()) return refuse(std::move(draft.errors));
    if (!may_replace && configuration.find(draft.value.v_host) != nullptr) {
        return refuse({{.pointer = "/vHost", .detail = "has a route already"}});
    }
    model::complete_ids(draft.value);
    return configuration.put(std::move(draft.value));
}

}  // namespace

ProxyManager::ProxyManager(const ProxyOptions& options)
    : proxy_(std::make_unique<app::Proxy>(options_of(options))), router_(*proxy_) {}

ProxyManager::ProxyManager(const app::Options& options)
    : proxy_(std::make_unique<app::Proxy>(Result<app::Options>(options))), router_(*proxy_) {}

ProxyManager::~ProxyManager() = default;

Result<void> ProxyManager::start() {
    return proxy_->start();
}
void ProxyManager::stop(const std::function<bool()>& hurry) {
    proxy_->stop(hurry);
}
void ProxyManager::reopen_logs() {
    proxy_->reopen_logs();
}
void ProxyManager::on_event(std::function<void(const Event&)> callback) {
    proxy_->on_event(std::move(callback));
}
std::uint16_t ProxyManager::ssl_port() const noexcept {
    return proxy_->ssl_port();
}

std::uint16_t ProxyManager::port() const noexcept {
    return proxy_->port();
}

Result<void> Router::add_route(const RouteConfig& route) {
    return proxy_->change(
        [&](control::Configuration& configuration) { return put(configuration, route, false); });
}

Result<void> Router::set_route(const RouteConfig& route) {
    return proxy_->change(
        [&](control::Configuration& configuration) { return put(configuration, route, true); });
}

Result<void> Router::remove_route(std::string_view v_host) {
    return proxy_->change([&](control::Configuration& configuration) {
        if (configuration.find(v_host) == nullptr)
            return refuse({{.pointer = "/vHost", .detail = "has no route"}});
        return configuration.remove(std::string(v_host));
    });
}

Result<void> Router::add_certificate(const CertificateConfig& certificate) {
    return proxy_->change([&](control::Configuration& configuration) {
        model::Draft<CertificateConfig> draft{.value = certificate, .errors = {}};
        auto checked = control::check_certificate(draft, std::time(nullptr));
        if (checked == nullptr) return refuse(std::move(draft.errors));
        return configuration.put_certificate(draft.value, std::move(checked));
    });
}

Result<void> Router::remove_certificates(std::string_view domain) {
    return proxy_->change([&](control::Configuration& configuration) {
        const auto canonical = model::canonical_host_pattern(domain);
        if (!canonical || configuration.certificates().find(*canonical) == nullptr)
            return refuse({{.pointer = "/domain", .detail = "has no certificate"}});
        return configuration.remove_certificates(*canonical);
    });
}

Result<void> Router::set_auth_provider(const AuthProviderConfig& provider) {
    return proxy_->change([&](control::Configuration& configuration) {
        model::Draft<AuthProviderConfig> draft{.value = provider, .errors = {}};
        if (draft.value.id.empty()) draft.value.id = model::make_uuid();
        const auto before = configuration.auth_providers().find(draft.value.id);
        if (before != configuration.auth_providers().end())
            model::inherit_secrets(draft.value, before->second.config);
        auto compiled = control::check_auth_provider(draft);
        if (compiled == nullptr) return refuse(std::move(draft.errors));
        return configuration.put_auth_provider({std::move(draft.value), std::move(compiled)});
    });
}

Result<void> Router::remove_auth_provider(std::string_view id) {
    return proxy_->change([&](control::Configuration& configuration) {
        const auto found = configuration.auth_providers().find(id);
        if (found == configuration.auth_providers().end())
            return refuse({{.pointer = "/id", .detail = "there is no such auth provider"}});
        return configuration.remove_auth_provider(found->first);
    });
}

Result<void> Router::set_auth_callback(AuthCallback callback) {
    if (callback.id.empty() || callback.check == nullptr)
        return Failure{Error{"an auth callback wants an id and a function"}};
    if (callback.challenge.empty() || !model::is_field_value(callback.challenge))
        return Failure{Error{"the challenge is not a field value (RFC 9110 section 5.5)"}};
    const std::string id = callback.id;
    const auto compiled = snapshot::compile(std::move(callback));
    return proxy_->change([&](control::Configuration& configuration) {
        return configuration.set_program_provider(id, compiled);
    });
}

Result<void> Router::remove_auth_callback(std::string_view id) {
    return proxy_->change([&](control::Configuration& configuration) {
        if (!configuration.has_program_provider(id))
            return refuse({{.pointer = "/id", .detail = "there is no such auth callback"}});
        return configuration.set_program_provider(std::string(id), nullptr);
    });
}

std::vector<RouteConfig> Router::routes() const {
    return proxy_->routes();
}

}  // namespace penstock
