#include "control/router.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/auth_api.hpp"
#include "control/backends_api.hpp"
#include "control/certificates_api.hpp"
#include "control/config_api.hpp"
#include "control/dashboard_api.hpp"
#include "control/events_api.hpp"
#include "control/health_api.hpp"
#include "control/metrics_api.hpp"
#include "control/openapi.hpp"
#include "control/problem.hpp"
#include "control/process_api.hpp"
#include "control/routes_api.hpp"
#include "control/stats_api.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view routes_path = "/api/v1/routes";
constexpr std::string_view route_path = "/api/v1/routes/:vHost";
constexpr std::string_view backends_path = "/api/v1/routes/:vHost/backends";
constexpr std::string_view backend_path = "/api/v1/routes/:vHost/backends/:id";
constexpr std::string_view dead_path = "/api/v1/routes/:vHost/backends/:id/dead";
constexpr std::string_view certificates_path = "/api/v1/certificates";
constexpr std::string_view auth_providers_path = "/api/v1/auth-providers";
constexpr std::string_view auth_provider_path = "/api/v1/auth-providers/:id";
constexpr std::string_view config_path = "/api/v1/config";
constexpr std::string_view certificate_path = "/api/v1/certificates/:id";

using enum QueryUse;

constexpr bool alone = false;  // Endpoint::shares_commit

constexpr std::array endpoints{
    Endpoint{"GET", "/healthz", healthz, {"isAlive", "Whether the process lives", "", "Health"}},
    Endpoint{"GET",
             "/readyz",
             readyz,
             {"isReady", "Whether it serves: 503 while it starts or drains", "", "Health"}},
    Endpoint{"GET",
             "/openapi.json",
             get_openapi,
             {"getDescription", "This description of the API", "", "Document"}},
    Endpoint{"GET",
             "/metrics",
             get_metrics,
             {.name = "getMetrics",
              .summary = "What is counted, for Prometheus",
              .gives = "Metrics",
              .media_type = "text/plain"}},
    Endpoint{"GET",
             routes_path,
             list_routes,
             {"listRoutes", "All routes, in the order of their hosts", "", "Routes"},
             paging},
    Endpoint{"POST",
             routes_path,
             create_route,
             {"createRoute", "Add a route; 409 where the host has one", "Route", "Route", {201}},
             dry_run},
    Endpoint{"GET", route_path, get_route, {"getRoute", "A route", "", "Route"}},
    Endpoint{"PUT",
             route_path,
             replace_route,
             {"putRoute", "Replace a route or add it", "Route", "Route", {200, 201}},
             dry_run},
    Endpoint{"PATCH",
             route_path,
             patch_route,
             {"patchRoute", "Change a route by a merge patch (RFC 7396)", "RoutePatch", "Route"},
             dry_run},
    Endpoint{"DELETE",
             route_path,
             delete_route,
             {"deleteRoute", "Remove a route", "", "", {204}},
             dry_run},
    Endpoint{"POST",
             backends_path,
             create_backend,
             {"createBackend", "Add a backend to a route", "Backend", "Backend", {201}},
             dry_run},
    Endpoint{"GET", backend_path, get_backend, {"getBackend", "A backend", "", "Backend"}},
    Endpoint{"PATCH",
             backend_path,
             patch_backend,
             {"patchBackend", "Change a backend by a merge patch", "BackendPatch", "Backend"},
             dry_run},
    Endpoint{"DELETE",
             backend_path,
             delete_backend,
             {"deleteBackend", "Remove a backend", "", "", {204}},
             dry_run},
    Endpoint{"POST",
             dead_path,
             begin_maintenance,
             {"beginMaintenance", "Take a backend out of use: no new requests", "", "Backend"},
             dry_run,
             usual_most_body,
             alone},
    Endpoint{"DELETE",
             dead_path,
             end_maintenance,
             {"endMaintenance", "Put a backend back into use", "", "", {204}},
             dry_run,
             usual_most_body,
             alone},
    Endpoint{"GET",
             certificates_path,
             list_certificates,
             {"listCertificates", "The certificates that were uploaded", "", "Certificates"},
             paging},
    Endpoint{"POST",
             certificates_path,
             put_certificate,
             {"putCertificate",
              "Upload a certificate: the next handshake uses it",
              "CertificateUpload",
              "Certificate",
              {200, 201}},
             dry_run},
    Endpoint{"GET",
             certificate_path,
             get_certificate,
             {"getCertificate", "The certificates of a domain", "", "Certificate"}},
    Endpoint{"DELETE",
             certificate_path,
             delete_certificate,
             {"deleteCertificate", "Remove a domain's certificates", "", "", {204}},
             dry_run},
    Endpoint{
        "GET",
        auth_providers_path,
        list_auth_providers,
        {"listAuthProviders", "The auth providers, in the order of their ids", "", "AuthProviders"},
        paging},
    Endpoint{"POST",
             auth_providers_path,
             create_auth_provider,
             {"createAuthProvider", "Add an auth provider", "AuthProvider", "AuthProvider", {201}},
             dry_run},
    Endpoint{"GET",
             auth_provider_path,
             get_auth_provider,
             {"getAuthProvider", "An auth provider", "", "AuthProvider"}},
    Endpoint{"PUT",
             auth_provider_path,
             replace_auth_provider,
             {"putAuthProvider",
              "Replace an auth provider or add it",
              "AuthProvider",
              "AuthProvider",
              {200, 201}},
             dry_run},
    Endpoint{"DELETE",
             auth_provider_path,
             delete_auth_provider,
             {"deleteAuthProvider", "Remove one that no route uses", "", "", {204}},
             dry_run},
    Endpoint{"GET",
             config_path,
             get_config,
             {"getConfig", "The whole configuration as one document", "", "Config"}},
    Endpoint{"PUT",
             config_path,
             put_config,
             {"putConfig", "Replace the whole configuration at once", "Config", "Config"},
             dry_run,
             64 * usual_most_body,
             alone},
    Endpoint{"GET",
             "/api/v1/config/revisions",
             list_revisions,
             {"listRevisions", "The last 100 changes, newest first", "", "Revisions"}},
    Endpoint{"POST",
             "/api/v1/config/rollback",
             roll_back,
             {"rollBack", "Back to what was after a revision", "Rollback", "Revision"},
             dry_run,
             usual_most_body,
             alone},
    Endpoint{"POST",
             "/api/v1/process/upgrade",
             upgrade_process,
             {"upgradeProcess", "Start the program anew, in this process's place", "", "Upgrade"},
             none,
             usual_most_body,
             alone},
    Endpoint{"GET",
             "/api/v1/stats",
             get_stats,
             {"getStats", "Numbers of everything, and of each route", "", "Stats"},
             paging},
    Endpoint{"GET",
             "/api/v1/stats/:vHost",
             get_route_stats,
             {"getRouteStats", "Numbers of a route and its backends", "", "RouteStats"}},
    Endpoint{"GET",
             "/api/v1/events",
             get_events,
             {.name = "getEvents",
              .summary = "What happens from now on, as server-sent events",
              .gives = "EventStream",
              .media_type = "text/event-stream"},
             samples},
};

/// For browsers: no part of the API that /openapi.json describes.
constexpr std::array page_endpoints{
    Endpoint{"GET", "/", get_dashboard, {}},
    Endpoint{"GET", "/dashboard/:id", get_dashboard, {}},
};

/// The part before the next "/", which is taken off `rest` together with it.
std::string_view take_segment(std::string_view& rest) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    return segment;
}

/// True where the path has the pattern's form; fills the variable segments, still encoded.
bool fits(std::string_view pattern, std::string_view path, PathParameters& parameters) {
    if (std::count(pattern.begin(), pattern.end(), '/') !=
        std::count(path.begin(), path.end(), '/')) {
        return false;
    }
    while (!pattern.empty()) {
        const std::string_view expected = take_segment(pattern);
        const std::string_view segment = take_segment(path);
        if (expected.starts_with(':')) {
            if (segment.empty()) return false;
            (expected == ":vHost" ? parameters.v_host : parameters.id) = segment;
        } else if (segment != expected) {
            return false;
        }
    }
    return path.empty();
}

bool decode(std::string& segment) {
    auto decoded = percent_decode(segment);
    if (!decoded) return false;
    segment = std::move(*decoded);
    return true;
}

}  // namespace

std::variant<RouteMatch, ApiResponse> find_endpoint(std::string_view method,
                                                    std::string_view path) {
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    std::string allow;
    RouteMatch match;
    const auto look_in = [&](const auto& table) {
        for (const Endpoint& endpoint : table) {
            PathParameters parameters;
            if (!fits(endpoint.pattern, path, parameters)) continue;
            if (endpoint.method == wanted) {
                match = {&endpoint, std::move(parameters)};
                return;
            }
            allow += allow.empty() ? "" : ", ";
            allow += endpoint.method == "GET" ? "GET, HEAD" : endpoint.method;
        }
    };
    look_in(endpoints);
    if (match.endpoint == nullptr) look_in(page_endpoints);

    if (match.endpoint != nullptr) {
        if (decode(match.parameters.v_host) && decode(match.parameters.id)) return match;
        return problem(http::Status::bad_request, "The path holds a malformed percent-escape.");
    }
    if (allow.empty()) {
        return problem(http::Status::not_found, fmt::format("There is nothing at {}.", path));
    }
    ApiResponse refused =
        problem(http::Status::method_not_allowed, fmt::format("Possible here: {}.", allow));
    refused.fields.emplace_back("Allow", allow);
    return refused;
}

std::span<const Endpoint> all_endpoints() noexcept {
    return endpoints;
}

bool allows(QueryUse use, const Query& query) {
    return std::all_of(query.begin(), query.end(), [use](const auto& parameter) {
        const auto& [name, value] = parameter;
        switch (use) {
            case QueryUse::none:
                return false;
            case QueryUse::samples:
                return name == "requests" && value == "sampled";
            case QueryUse::dry_run:
                return name == "dryRun" && (value == "true" || value == "false");
            case QueryUse::paging:
                return name == "after" || name == "match" ||
                       (name == "limit" && parse_decimal(value).value_or(0) > 0);
        }
        return false;
    });
}

}  // namespace penstock::control
