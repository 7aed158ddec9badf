// Configuration values as the rows of a store, and back.
//
// Pure functions, any thread. A value comes back equal to what it was, secrets included.
#pragma once

#include <set>
#include <string>

#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>
#include <penstock/result.hpp>

#include "control/store/store.hpp"
#include "net/tls/certificate.hpp"

namespace penstock::control {

/// The host:port of what is in maintenance.
using Marks = std::set<std::string>;

/// The row of a domain's certificate of that kind of key.
std::string certificate_row_id(std::string_view domain, net::tls::Certificate::KeyKind kind);

RowChange row_of(const RouteConfig& route);
RowChange row_of(const CertificateConfig& config, net::tls::Certificate::KeyKind kind);
RowChange row_of(const AuthProviderConfig& config);
/// No marks: no row.
RowChange row_of(const std::string& v_host, const Marks& marks);
/// Of the document's `process`; none where it is empty.
RowChange row_of_process(const std::string& json);

/// The error names the row.
Result<RouteConfig> read_route_row(const Row& row);
Result<CertificateConfig> read_certificate_row(const Row& row);
Result<AuthProviderConfig> read_auth_provider_row(const Row& row);
Result<Marks> read_marks_row(const Row& row);

}  // namespace penstock::control
