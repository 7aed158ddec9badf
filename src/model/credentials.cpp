#include "model/credentials.hpp"

#include <utility>

namespace penstock::model {

namespace {

using net::tls::CredentialFault;

std::string_view text_of(const std::optional<std::string>& text) noexcept {
    return text ? std::string_view(*text) : std::string_view();
}

std::string_view field_of(CredentialFault::Part part) noexcept {
    switch (part) {
        case CredentialFault::Part::authorities:
            return "/caCert";
        case CredentialFault::Part::chain:
            return "/clientCert";
        case CredentialFault::Part::key:
            break;
    }
    return "/clientKey";
}

}  // namespace

net::tls::ClientCredentials credentials_of(const Backend& backend) noexcept {
    return {text_of(backend.ca_cert), text_of(backend.client_cert), text_of(backend.client_key)};
}

FieldErrors check_credentials(const RouteConfig& route, std::string_view base,
                              KnownCredentials& known) {
    FieldErrors errors;
    for (std::size_t i = 0; i < route.backends.size(); ++i) {
        const Backend& backend = route.backends[i];
        if (!backend.tls) continue;
        auto credentials = credentials_of(backend);
        if (!backend.client_cert || !backend.client_key) credentials.chain = {};
        const bool is_new = credentials.authorities != known.authorities;
        if (!is_new) credentials.authorities = {};
        const auto faults = net::tls::ClientContext::faults_of(credentials);
        if (is_new && faults.empty()) known.authorities = credentials.authorities;
        for (const CredentialFault& fault : faults) {
            const std::string at = child_pointer(child_pointer(base, "backends"), i);
            errors.push_back({at + std::string(field_of(fault.part)), fault.error.message,
                              FieldErrorKind::invalid, net::tls::name_of(fault.error.kind)});
        }
    }
    return errors;
}

void inherit_secrets(Backend& backend, const Backend& before) {
    if (backend.tls && backend.client_cert && !backend.client_key)
        backend.client_key = before.client_key;
}

}  // namespace penstock::model
