#include "control/certificates.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "model/validate.hpp"

namespace penstock::control {

namespace {

using net::tls::Certificate;
using net::tls::CertificateError;

std::string_view field_of(CertificateError::Part part) noexcept {
    switch (part) {
        case CertificateError::Part::key:
            return "/key";
        case CertificateError::Part::ocsp:
            return "/ocsp";
        case CertificateError::Part::chain:
            break;
    }
    return "/cert";
}

/// The chain, its key and an OCSP response, with pointers under `base`.
CertificatePtr parse(std::string_view cert, std::string_view key, std::string_view ocsp,
                     std::string_view base, std::time_t now, model::FieldErrors& errors) {
    const auto refuse = [&](const CertificateError& error) {
        errors.push_back({std::string(base).append(field_of(error.part())), error.message,
                          model::FieldErrorKind::invalid, net::tls::name_of(error.kind)});
    };
    auto parsed = Certificate::parse(cert, key, now, ocsp);
    if (parsed) return std::move(*parsed);
    refuse(parsed.error());
    if (parsed.error().part() == CertificateError::Part::chain) {
        if (const auto fault = Certificate::fault_of_key(key)) refuse(*fault);
    }
    return nullptr;
}

std::string list_of(const std::vector<std::string>& names) {
    constexpr std::size_t most = 10;
    std::string list;
    for (std::size_t i = 0; i < names.size() && i < most; ++i)
        list.append(i == 0 ? "" : ", ").append(names[i]);
    return names.size() > most ? list + ", …" : list;
}

void refuse_coverage(const Certificate& certificate, std::string_view what, std::string_view base,
                     model::FieldErrors& errors) {
    errors.push_back({std::string(base).append("/cert"),
                      fmt::format("is for {}, not for {}", list_of(certificate.names()), what),
                      model::FieldErrorKind::invalid, "certificate-for-other-names"});
}

std::vector<std::string> covered_names(const RouteConfig& route, const Certificate& certificate) {
    std::vector<std::string> names;
    if (covers(certificate, route.v_host)) names.push_back(route.v_host);
    for (const std::string& alias : route.aliases) {
        if (covers(certificate, alias)) names.push_back(alias);
    }
    return names;
}

}  // namespace

std::string_view name_of(Certificate::KeyKind kind) noexcept {
    switch (kind) {
        case Certificate::KeyKind::rsa:
            return "RSA";
        case Certificate::KeyKind::ecdsa:
            return "ECDSA";
        case Certificate::KeyKind::ed25519:
            break;
    }
    return "EdDSA";
}

bool covers(const Certificate& certificate, std::string_view pattern) {
    // A wildcard among the certificate's names stands there as the pattern does.
    return pattern == "*" || certificate.covers(pattern);
}

CertificatePtr check_certificate(model::Draft<CertificateConfig>& draft, std::time_t now) {
    CertificateConfig& config = draft.value;
    model::FieldErrors wrong = model::validate(config);
    const bool has_domain = std::none_of(
        wrong.begin(), wrong.end(), [](const auto& error) { return error.pointer == "/domain"; });
    std::string ocsp;
    if (config.ocsp) {
        auto decoded = decode_base64(*config.ocsp);
        if (!decoded || decoded->empty()) {
            wrong.push_back({"/ocsp", "not base64", model::FieldErrorKind::invalid,
                             net::tls::name_of(CertificateError::Kind::ocsp_malformed)});
        } else {
            ocsp = std::move(*decoded);
        }
    }
    model::add_new(draft.errors, std::move(wrong));
    model::FieldErrors faults;
    auto certificate = parse(config.cert, config.key, ocsp, "", now, faults);
    if (certificate != nullptr && has_domain && !covers(*certificate, config.domain))
        refuse_coverage(*certificate, config.domain, "", faults);
    model::add_new(draft.errors, std::move(faults));
    return draft.errors.empty() ? certificate : nullptr;
}

CertificatePtr check_ssl(const RouteConfig& route, std::string_view base, std::time_t now,
                         model::FieldErrors& errors) {
    const std::string at = model::child_pointer(base, "ssl");
    auto certificate = parse(route.ssl->cert, route.ssl->key, {}, at, now, errors);
    if (certificate == nullptr) return nullptr;
    if (covered_names(route, *certificate).empty()) {
        refuse_coverage(*certificate, "any name of this route", at, errors);
        return nullptr;
    }
    return certificate;
}

const CertificateSet* Certificates::find(std::string_view domain) const {
    const auto at = domains_.find(domain);
    return at == domains_.end() ? nullptr : &at->second;
}

CertificatePtr Certificates::of_route(std::string_view v_host) const {
    const auto at = routes_.find(v_host);
    return at == routes_.end() ? nullptr : at->second.certificate;
}

void Certificates::put(const std::string& domain, CertificatePtr certificate) {
    const auto kind = certificate->key_kind();
    domains_[domain].of(kind) = std::move(certificate);
    changed_.insert(domain);
}

void Certificates::remove(const std::string& domain) {
    domains_.erase(domain);
    changed_.insert(domain);
}

void Certificates::set_route(const RouteConfig& route, CertificatePtr certificate) {
    remove_route(route.v_host);
    if (certificate == nullptr) return;
    Own own{std::move(certificate), {}};
    own.names = covered_names(route, *own.certificate);
    for (const std::string& name : own.names) {
        route_names_[name] = own.certificate;
        changed_.insert(name);
    }
    routes_.emplace(route.v_host, std::move(own));
}

void Certificates::remove_route(std::string_view v_host) {
    const auto at = routes_.find(v_host);
    if (at == routes_.end()) return;
    for (const std::string& name : at->second.names) {
        route_names_.erase(name);
        changed_.insert(name);
    }
    routes_.erase(at);
}

CertificateSet Certificates::serving(const std::string& name) const {
    CertificateSet serving;
    if (const auto own = route_names_.find(name); own != route_names_.end())
        serving.of(own->second->key_kind()) = own->second;
    else if (const CertificateSet* uploaded = find(name))
        serving = *uploaded;
    return serving;
}

std::shared_ptr<const snapshot::CertificateTable> Certificates::table() {
    if (changed_.empty()) return table_;
    std::vector<snapshot::CertificateTable::Edit> edits;
    for (const std::string& name : changed_) edits.push_back({name, serving(name)});
    changed_.clear();
    table_ = table_->with(edits);
    return table_;
}

}  // namespace penstock::control
