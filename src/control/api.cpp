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

ApiResponse Api::handle(const ApiRequest& request) {
    Admission admission = admit(request);
    if (admission.refusal) return refused(request, admission.caller, *std::move(admission.refusal));
    const std::uint64_t revision = configuration_.last_revision();
    ApiResponse response = answer(request, admission.caller);
    if (tokens_ && !is_open_to_all(path_of(request))) {
        response.fields.emplace_back("X-Penstock-Access",
                                     admission.caller.may_write ? "read-write" : "read-only");
    }
    if (response.unknown_names.empty()) audit(request, admission.caller, revision, response);
    return response;
}

ApiResponse Api::refused(const ApiRequest& request, const Caller& caller, ApiResponse refusal) {
    audit(request, caller, configuration_.last_revision(), refusal);
    return refusal;
}

void Api::audit(const ApiRequest& request, const Caller& caller, std::uint64_t revision_before,
                const ApiResponse& response) {
    if (!audit_ || is_read(request.method)) return;
    audit_({.caller = caller,
            .request = request,
            .revision_before = revision_before,
            .revision_after = configuration_.last_revision(),
            .status = response.status});
}

ApiResponse Api::answer(const ApiRequest& request, const Caller& caller) {
    const std::string_view path = path_of(request);
    auto found = find_endpoint(request.method, path);
    if (auto* refusal = std::get_if<ApiResponse>(&found)) return std::move(*refusal);
    const RouteMatch& match = std::get<RouteMatch>(found);

    if (has_body(request.method)) {
        const std::size_t most = match.endpoint->most_body;
        if (request.body.size() > most) return body_too_large(most);
        if (auto refusal = refuse_media_type(request)) return *refusal;
    }
    const auto query = parse_query(query_of(request));
    if (!query || !allows(match.endpoint->query, *query)) {
        return problem(Status::bad_request, "The query holds something that has no meaning here.");
    }
    return match.endpoint->handler(
        {request, match.parameters, *query, configuration_, caller, ready_});
}

}  // namespace penstock::control
