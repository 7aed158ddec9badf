#include "control/api.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "control/problem.hpp"
#include "control/router.hpp"

namespace penstock::control {

namespace {

using http::Status;

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

std::size_t Api::most_body(std::string_view method, std::string_view target) {
    const auto found = find_endpoint(method, target.substr(0, target.find('?')));
    const RouteMatch* const match = std::get_if<RouteMatch>(&found);
    return match == nullptr ? usual_most_body : match->endpoint->most_body;
}

ApiResponse Api::body_too_large(std::size_t most) {
    return problem(Status::content_too_large, fmt::format("A body has at most {} bytes.", most));
}

ApiResponse Api::handle(const ApiRequest& request) {
    if (auto refusal = access_.refuse(request)) return *refusal;
    const std::size_t mark = request.target.find('?');
    const std::string_view path = request.target.substr(0, mark);
    auto found = find_endpoint(request.method, path);
    if (auto* refusal = std::get_if<ApiResponse>(&found)) return std::move(*refusal);
    const RouteMatch& match = std::get<RouteMatch>(found);

    if (has_body(request.method)) {
        const std::size_t most = match.endpoint->most_body;
        if (request.body.size() > most) return body_too_large(most);
        if (auto refusal = refuse_media_type(request)) return *refusal;
    }
    const auto query =
        parse_query(mark == std::string_view::npos ? "" : request.target.substr(mark + 1));
    if (!query || !allows(match.endpoint->query, *query)) {
        return problem(Status::bad_request, "The query holds something that has no meaning here.");
    }
    return match.endpoint->handler({request, match.parameters, *query, configuration_, ready_});
}

}  // namespace penstock::control
