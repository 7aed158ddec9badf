// Certificates: those that were uploaded and those inside routes, and the table that both make.
//
// Control thread only. A route's own certificate comes before an uploaded one for the same name:
// whoever wrote it into the route meant this route. Keys are kept as OpenSSL's objects alone; their
// text is the store's.
#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/config.hpp>

#include "model/field_error.hpp"
#include "model/route.hpp"
#include "snapshot/certificates.hpp"

namespace penstock::control {

using snapshot::CertificatePtr;
using snapshot::CertificateSet;

/// "RSA", "ECDSA" or "EdDSA".
std::string_view name_of(net::tls::Certificate::KeyKind kind) noexcept;

/// Whether the certificate is good for what a canonical host pattern stands for: a wildcard wants
/// one in the certificate, "*" takes any.
bool covers(const net::tls::Certificate& certificate, std::string_view pattern);

/// Adds what is wrong to the draft, its domain brought into canonical form; null where anything is.
CertificatePtr check_certificate(model::Draft<CertificateConfig>& draft, std::time_t now);

/// The route's `ssl`, which it has: serves at least one of its names, whose text is canonical. Adds
/// what is wrong to `errors`, with pointers under `base`; then null.
CertificatePtr check_ssl(const RouteConfig& route, std::string_view base, std::time_t now,
                         model::FieldErrors& errors);

/// The certificate joins those of its domain, in the place of one of the same kind of key; or,
/// where there is none, all of the domain's go.
struct CertificateChange {
    std::string domain;
    CertificatePtr certificate;
};

class Certificates {
  public:
    using Domains = std::map<std::string, CertificateSet, std::less<>>;

    /// What was uploaded, by domain.
    const Domains& domains() const noexcept { return domains_; }
    /// Null where there is none.
    const CertificateSet* find(std::string_view domain) const;
    /// Null where the route has none.
    CertificatePtr of_route(std::string_view v_host) const;

    /// Joins those of its domain, in the place of one of the same kind of key.
    void put(const std::string& domain, CertificatePtr certificate);
    void remove(const std::string& domain);
    /// `certificate` serves those of the route's names that it covers, and no others any more.
    void set_route(const RouteConfig& route, CertificatePtr certificate);
    void remove_route(std::string_view v_host);

    /// visit(domain or vHost, certificate, "uploaded" or "route") for each.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& [domain, set] : domains_) {
            for (const auto& one : set.by_kind)
                if (one != nullptr) visit(domain, *one, "uploaded");
        }
        for (const auto& [v_host, own] : routes_)
            if (own.certificate != nullptr) visit(v_host, *own.certificate, "route");
    }

    /// The newest version, all changes included.
    std::shared_ptr<const snapshot::CertificateTable> table();

  private:
    struct Own {
        CertificatePtr certificate;
        std::vector<std::string> names;
    };

    CertificateSet serving(const std::string& name) const;

    Domains domains_;
    std::map<std::string, Own, std::less<>> routes_;     // by vHost
    std::map<std::string, CertificatePtr> route_names_;  // those of routes_, by name
    std::set<std::string> changed_;                      // names that table_ has as they were
    std::shared_ptr<const snapshot::CertificateTable> table_ =
        std::make_shared<snapshot::CertificateTable>();
};

}  // namespace penstock::control
