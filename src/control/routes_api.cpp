#include "control/routes_api.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "control/backend_status.hpp"
#include "control/paging.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"
#include "model/host_pattern.hpp"
#include "model/json_writer.hpp"
#include "model/route.hpp"
#include "model/validate.hpp"

namespace penstock::control {

namespace {

using http::Status;
using RouteDraft = model::Draft<RouteConfig>;

std::string location_of(const RouteConfig& route) {
    return "/api/v1/routes/" + percent_encode(route.v_host);
}

/// Empty for no route, so that no entity tag matches it.
std::string tag_of(const Call& call, const RouteConfig* route) {
    return route == nullptr ? std::string() : represent(call.configuration, *route).tag;
}

/// The path names the route: the body may repeat the name, but not contradict it.
void agree_on_v_host(RouteDraft& draft, const std::string& of_path) {
    std::string& of_body = draft.value.v_host;
    const auto said = of_body.empty() ? of_path : model::canonical_host_pattern(of_body);
    const auto meant = model::canonical_host_pattern(of_path);
    if (said && meant && *said != *meant) {
        draft.errors.push_back({"/vHost", fmt::format("the path says \"{}\"", *meant)});
    }
    if (of_body.empty()) of_body = of_path;
}

/// A PUT without ids is not meant to give new ones each time: the route and its backends keep
/// theirs.
void inherit_ids(RouteConfig& route, const RouteConfig& before) {
    if (route.id.empty()) route.id = before.id;
    for (Backend& backend : route.backends) {
        if (!backend.id.empty()) continue;
        const auto same = std::find_if(
            before.backends.begin(), before.backends.end(), [&](const Backend& candidate) {
                return candidate.hostname == backend.hostname && candidate.port == backend.port;
            });
        const auto is_taken = [&](const std::string& id) {
            return std::any_of(route.backends.begin(), route.backends.end(),
                               [&](const Backend& other) { return other.id == id; });
        };
        if (same != before.backends.end() && !is_taken(same->id)) backend.id = same->id;
    }
}

/// Checks the draft, makes the change where nothing speaks against it, and answers with the route.
ApiResponse apply(const Call& call, RouteDraft draft, const RouteConfig* before) {
    RouteConfig& route = draft.value;
    if (before != nullptr) model::inherit_secrets(route, *before);
    model::check(draft);
    model::FieldErrors faults;
    call.configuration.certificate_for(route, "", faults);
    call.configuration.check_auth_provider_of(route, "", faults);
    model::add_new(draft.errors, std::move(faults));
    if (!draft.errors.empty()) return problem(draft.errors);
    if (before != nullptr) inherit_ids(route, *before);
    model::complete_ids(route);
    if (auto failed = failed_precondition(call.request, tag_of(call, before))) return *failed;
    const bool creates = before == nullptr;
    const auto outcome = call.configuration.put(route, call.order());
    if (!outcome) return refused(outcome.error());

    Representation shown = represent(call.configuration, route);
    ApiResponse response;
    response.wait_for_epoch = *outcome;
    response.status = creates ? Status::created : Status::ok;
    response.body = std::move(shown.json);
    if (creates) response.fields.emplace_back("Location", location_of(route));
    // RFC 9110 section 9.3.4: no validator in the answer to a PUT that stored something else.
    if (call.request.method != "PUT" || call.request.body == response.body) {
        response.fields.emplace_back("ETag", std::move(shown.tag));
    }
    return response;
}

ApiResponse represented(const Call& call, Representation shown) {
    return control::represented(call.request, std::move(shown.json), std::move(shown.tag));
}

}  // namespace

const RouteConfig* route_of(const Call& call) {
    const auto v_host = model::canonical_host_pattern(call.path.v_host);
    return v_host ? call.configuration.find(*v_host) : nullptr;
}

ApiResponse no_such_route(const Call& call) {
    return problem(Status::not_found, fmt::format("There is no route \"{}\".", call.path.v_host));
}

ApiResponse refused(const Refusal& refusal) {
    if (!refusal.unknown_names.empty()) {
        ApiResponse later;
        later.unknown_names = refusal.unknown_names;
        return later;
    }
    return refusal.errors.empty() ? problem(refusal.status, refusal.detail)
                                  : problem(refusal.errors);
}

ApiResponse without_content(const Configuration::Outcome& outcome) {
    if (!outcome) return refused(outcome.error());
    ApiResponse response;
    response.status = Status::no_content;
    response.wait_for_epoch = *outcome;
    return response;
}

ApiResponse list_routes(const Call& call) {
    return list_of(call, call.configuration.routes(), [&](std::string& out, const auto& item) {
        model::write_route(out, item.second, statuses_of(call.configuration, item.second));
    });
}

ApiResponse create_route(const Call& call) {
    auto draft = model::draft_route(call.request.body);
    if (!draft) return problem(draft.error());
    const auto v_host = model::canonical_host_pattern(draft->value.v_host);
    if (draft->errors.empty() && v_host && call.configuration.find(*v_host) != nullptr) {
        return problem(
            Status::conflict, fmt::format("There is a route \"{}\" already.", *v_host),
            {{"/vHost", "exists; PUT or PATCH changes it", model::FieldErrorKind::conflict}});
    }
    return apply(call, std::move(*draft), nullptr);
}

ApiResponse get_route(const Call& call) {
    const RouteConfig* route = route_of(call);
    if (route == nullptr) return no_such_route(call);
    return represented(call, represent(call.configuration, *route));
}

ApiResponse replace_route(const Call& call) {
    auto draft = model::draft_route(call.request.body);
    if (!draft) return problem(draft.error());
    agree_on_v_host(*draft, call.path.v_host);
    return apply(call, std::move(*draft), route_of(call));
}

ApiResponse patch_route(const Call& call) {
    const RouteConfig* before = route_of(call);
    if (before == nullptr) return no_such_route(call);
    auto draft = model::patch_route(*before, call.request.body);
    if (!draft) return problem(draft.error());
    agree_on_v_host(*draft, before->v_host);
    return apply(call, std::move(*draft), before);
}

ApiResponse delete_route(const Call& call) {
    const RouteConfig* route = route_of(call);
    if (route == nullptr) return no_such_route(call);
    if (auto failed = failed_precondition(call.request, tag_of(call, route))) return *failed;
    const auto outcome = call.configuration.remove(route->v_host, call.order());
    return without_content(outcome);
}

}  // namespace penstock::control
