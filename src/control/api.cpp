#include "control/api.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/dashboard_api.hpp"
#include "control/problem.hpp"
#include "control/router.hpp"

namespace penstock::control {

namespace {

using http::Status;

std::string_view path_of(const ApiRequest& request) {
    return request.target.substr(0, request.target.find('?'));
}

std::string_view query_of(const ApiRequest& request) {
    const std::size_t mark = request.target.find('?');
    return mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
}

/// For probes, which have no token and learn nothing but that; and the page that asks for one.
bool is_open_to_all(std::string_view path) {
    return path == "/healthz" || path == "/readyz" || is_dashboard(path);
}

/// Numbers and events are in memory; so is who takes part in an upgrade.
bool needs_store(std::string_view path) {
    return path.starts_with("/api/v1/") && !path.starts_with("/api/v1/stats") &&
           !path.starts_with("/api/v1/events") && !path.starts_with("/api/v1/process/");
}

bool has_body(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

/// type "/" subtype, without parameters.
bool is_media_type(std::string_view content_type, std::string_view expected) {
    return equals_lower(trim_ows(content_type.substr(0, content_type.find(';'))), expected);
}

/// 415 where the body is not JSON or is encoded. A client that names no type means JSON.
std::optional<ApiResponse> refuse_media_type(const ApiRequest& request) {
    const bool is_patch = request.method == "PATCH";
    const bool is_plain =
        !request.content_encoding || equals_lower(*request.content_encoding, "identity");
    const bool is_json =
        !request.content_type || is_media_type(*request.content_type, "application/json") ||
        (is_patch && is_media_type(*request.content_type, "application/merge-patch+json"));
    if (is_plain && is_json) return {};
    ApiResponse response =
        problem(Status::unsupported_media_type,
                is_plain ? "Send application/json." : "Send the body without a content coding.");
    response.fields.emplace_back(
        is_patch ? "Accept-Patch" : "Accept",
        is_patch ? "application/merge-patch+json, application/json" : "application/json");
    return response;
}

}  // namespace

bool Api::is_read(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

ApiResponse Api::body_too_large(std::size_t most) {
    return problem(Status::content_too_large, fmt::format("A body has at most {} bytes.", most));
}

/// Where there is a token for everybody: 401 without one, 403 for what it does not allow.
std::optional<ApiResponse> Api::identify(const ApiRequest& request, Caller& caller) {
    if (!tokens_ || is_open_to_all(path_of(request))) return {};
    auto bearer = request.authorization ? tokens_->identify(*request.authorization) : std::nullopt;
    if (!bearer) {
        ApiResponse refusal =
            problem(Status::unauthorized, "Send a token: Authorization: Bearer TOKEN.");
        refusal.fields.emplace_back("WWW-Authenticate", "Bearer");
        return refusal;
    }
    caller = std::move(*bearer);
    if (caller.may_write || is_read(request.method)) return {};
    return problem(Status::forbidden, "This token may only read.");
}

Admission Api::admit(const ApiRequest& request) {
    Admission admission;
    admission.caller.name = request.peer.empty() ? Configuration::administrator : request.peer;
    admission.refusal = access_.refuse(request);
    if (!admission.refusal) admission.refusal = identify(request, admission.caller);
    // Who has no token has no body read either, and a read has no use for one.
    if (admission.refusal || is_read(request.method) ||
        (tokens_ && is_open_to_all(path_of(request)))) {
        return admission;
    }
    const auto found = find_endpoint(request.method, path_of(request));
    const RouteMatch* const match = std::get_if<RouteMatch>(&found);
    admission.most_body = match == nullptr ? usual_most_body : match->endpoint->most_body;
    return admission;
}

Api::Executed Api::execute(const ApiRequest& request) {
    Admission admission = admit(request);
    Executed executed{.request = request,
                      .caller = std::move(admission.caller),
                      .revision_before = configuration_.last_revision(),
                      .response = {}};
    if (admission.refusal) {
        executed.response = *std::move(admission.refusal);
    } else {
        executed.response = answer(request, executed.caller);
        if (tokens_ && !is_open_to_all(path_of(request))) {
            executed.response.fields.emplace_back(
                "X-Penstock-Access", executed.caller.may_write ? "read-write" : "read-only");
        }
    }
    executed.revision_after = configuration_.last_revision();
    return executed;
}

ApiResponse Api::handle(const ApiRequest& request) {
    Executed executed = execute(request);
    audit(executed);
    return std::move(executed.response);
}

std::vector<ApiResponse> Api::handle_together(std::span<const ApiRequest* const> requests) {
    std::vector<ApiResponse> responses;
    if (requests.size() > 1 && configuration_.begin_group()) {
        std::vector<Executed> all;
        for (const ApiRequest* request : requests) all.push_back(execute(*request));
        if (configuration_.end_group()) {
            for (Executed& executed : all) {
                audit(executed);
                responses.push_back(std::move(executed.response));
            }
            return responses;
        }
    }
    for (const ApiRequest* request : requests) responses.push_back(handle(*request));
    return responses;
}

bool Api::may_share_commit(const ApiRequest& request) {
    if (is_read(request.method)) return false;
    const auto found = find_endpoint(request.method, path_of(request));
    const RouteMatch* const match = std::get_if<RouteMatch>(&found);
    return match != nullptr && match->endpoint->shares_commit;
}

void Api::audit_later(const ApiRequest& request, const ApiResponse& response) {
    const std::uint64_t revision = configuration_.last_revision();
    audit({request, admit(request).caller, revision, revision, response});
}

ApiResponse Api::refused(const ApiRequest& request, const Caller& caller, ApiResponse refusal) {
    const std::uint64_t revision = configuration_.last_revision();
    Executed executed{request, caller, revision, revision, std::move(refusal)};
    audit(executed);
    return std::move(executed.response);
}

void Api::audit(const Executed& executed) {
    const bool is_done = executed.response.unknown_names.empty() && !executed.response.later;
    if (!audit_ || !is_done || is_read(executed.request.method)) return;
    audit_({.caller = executed.caller,
            .request = executed.request,
            .revision_before = executed.revision_before,
            .revision_after = executed.revision_after,
            .status = executed.response.status});
}

ApiResponse Api::answer(const ApiRequest& request, const Caller& caller) {
    const std::string_view path = path_of(request);
    auto found = find_endpoint(request.method, path);
    if (auto* refusal = std::get_if<ApiResponse>(&found)) return std::move(*refusal);
    const RouteMatch& match = std::get<RouteMatch>(found);
    if (lent_ && needs_store(path)) {
        ApiResponse response = problem(Status::service_unavailable,
                                       "A new process takes over; try again in a moment.");
        response.fields.emplace_back("Retry-After", "1");
        return response;
    }
    if (has_body(request.method)) {
        const std::size_t most = match.endpoint->most_body;
        if (request.body.size() > most) return body_too_large(most);
        if (auto refusal = refuse_media_type(request)) return *refusal;
    }
    const auto query = parse_query(query_of(request));
    if (!query || !allows(match.endpoint->query, *query)) {
        return problem(Status::bad_request, "The query holds something that has no meaning here.");
    }
    return match.endpoint->handler({request, match.parameters, *query, configuration_, events_,
                                    metrics_, caller, ready_, upgrade_});
}

}  // namespace penstock::control
