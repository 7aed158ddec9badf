// Routes and documents from JSON, the way in for the API and for --config: parse, patch, then
// check.
//
// Pure functions, any thread. A syntax error ends the matter (400); everything else is collected,
// so that one answer names every bad field (422, or 409 where it is only a conflict).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>

#include "model/draft.hpp"
#include "model/process_flags.hpp"

namespace penstock::model {

/// Unknown and duplicate fields and wrong types are errors of the draft; meaning is not looked at
/// yet.
Drafted<RouteConfig> draft_route(std::string_view json);
Drafted<Backend> draft_backend(std::string_view json);
Drafted<CertificateConfig> draft_certificate(std::string_view json);

/// `current` with a merge patch applied.
Drafted<RouteConfig> patch_route(const RouteConfig& current, std::string_view patch);
Drafted<Backend> patch_backend(const Backend& current, std::string_view patch);

/// What answers never show, a client cannot send back: an `ssl` without its key keeps the key of
/// the route before, a backend's clientCert that of the same backend (by id; without one, by host
/// and port).
void inherit_secrets(RouteConfig& route, const RouteConfig& before);

/// Adds what validate() and check_credentials() find, and brings names into canonical form.
void check(Draft<RouteConfig>& draft);

/// The configuration as one document (SPEC section 9, /config).
struct ConfigDocument {
    ProcessFlags process;
    std::vector<RouteConfig> routes;
    std::vector<AuthProviderConfig> auth_providers;
    std::vector<CertificateConfig> certificates;
};

/// Its items as drafts.
Drafted<ConfigDocument> draft_config(std::string_view json);
/// Checks its routes and auth providers one by one and against each other, and completes their ids.
/// Certificates are not looked at.
void check(Draft<ConfigDocument>& draft);
/// Both in one.
Drafted<ConfigDocument> parse_config(std::string_view json);

}  // namespace penstock::model
