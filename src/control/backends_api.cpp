#include "control/backends_api.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "control/backend_status.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"
#include "control/routes_api.hpp"
#include "model/credentials.hpp"
#include "model/route.hpp"
#include "model/uuid.hpp"

namespace penstock::control {

namespace {

using http::Status;
using BackendDraft = model::Draft<Backend>;

/// A backend that a path names, or the 404 that says what is missing.
struct Found {
    const RouteConfig* route = nullptr;
    std::size_t index = 0;
    ApiResponse missing{};

    const Backend& backend() const { return route->backends[index]; }
};

Found find_backend(const Call& call) {
    const RouteConfig* route = route_of(call);
    if (route == nullptr) return {nullptr, 0, no_such_route(call)};
    const auto at =
        std::find_if(route->backends.begin(), route->backends.end(),
                     [&](const Backend& backend) { return backend.id == call.path.id; });
    if (at != route->backends.end()) {
        return {route, static_cast<std::size_t>(at - route->backends.begin()), {}};
    }
    return {nullptr, 0,
            problem(Status::not_found, fmt::format("The route \"{}\" has no backend \"{}\".",
                                                   route->v_host, call.path.id))};
}

Representation represent(const Call& call, const Found& found) {
    return control::represent(call.configuration, *found.route, found.backend());
}

/// Errors of a route, for whoever gave nothing but the backend at `base`. What is not in it is
/// about all of them together: their number, their weights.
void point_into(const std::string& base, model::FieldErrors& errors) {
    for (model::FieldError& error : errors) {
        const bool inside = model::points_into(error.pointer, base);
        error.pointer = inside ? error.pointer.substr(base.size()) : std::string();
    }
}

/// Checks the draft as the last backend of a route whose others are `others`. Afterwards the draft
/// is in canonical form, and its errors point into the backend.
void check_among(RouteConfig others, BackendDraft& draft) {
    const std::string base = model::child_pointer("/backends", others.backends.size());
    model::Draft<RouteConfig> whole{std::move(others), {}};
    whole.value.backends.push_back(std::move(draft.value));
    model::check(whole);
    draft.value = std::move(whole.value.backends.back());
    point_into(base, whole.errors);
    model::add_new(draft.errors, std::move(whole.errors));
}

ApiResponse answer_with(Representation shown, Status status) {
    ApiResponse response;
    response.status = status;
    response.body = std::move(shown.json);
    response.fields.emplace_back("ETag", std::move(shown.tag));
    return response;
}

/// Puts the route in force and answers with its backend at `index`.
ApiResponse apply(const Call& call, const RouteConfig& route, std::size_t index, Status status) {
    auto outcome = call.configuration.put(route, call.order());
    if (!outcome) {
        point_into(model::child_pointer("/backends", index), outcome.error().errors);
        return refused(outcome.error());
    }
    const Backend& backend = route.backends[index];
    ApiResponse response =
        answer_with(control::represent(call.configuration, route, backend), status);
    if (status == Status::created) {
        response.fields.emplace_back("Location", "/api/v1/routes/" + percent_encode(route.v_host) +
                                                     "/backends/" + percent_encode(backend.id));
    }
    response.wait_for_epoch = *outcome;
    return response;
}

}  // namespace

ApiResponse create_backend(const Call& call) {
    const RouteConfig* route = route_of(call);
    if (route == nullptr) return no_such_route(call);
    auto draft = model::draft_backend(call.request.body);
    if (!draft) return problem(draft.error());
    check_among(*route, *draft);
    if (!draft->errors.empty()) return problem(draft->errors);
    if (draft->value.id.empty()) draft->value.id = model::make_uuid();
    RouteConfig changed = *route;
    changed.backends.push_back(std::move(draft->value));
    return apply(call, changed, changed.backends.size() - 1, Status::created);
}

ApiResponse get_backend(const Call& call) {
    const Found found = find_backend(call);
    if (found.route == nullptr) return found.missing;
    Representation shown = represent(call, found);
    if (auto failed = failed_precondition(call.request, shown.tag)) return *failed;
    return answer_with(std::move(shown), Status::ok);
}

ApiResponse patch_backend(const Call& call) {
    const Found found = find_backend(call);
    if (found.route == nullptr) return found.missing;
    auto draft = model::patch_backend(found.backend(), call.request.body);
    if (!draft) return problem(draft.error());
    model::inherit_secrets(draft->value, found.backend());
    if (draft->value.id.empty()) draft->value.id = call.path.id;
    if (draft->value.id != call.path.id) {
        draft->errors.push_back({"/id", fmt::format("the path says \"{}\"", call.path.id)});
    }
    RouteConfig changed = *found.route;
    changed.backends.erase(changed.backends.begin() + static_cast<std::ptrdiff_t>(found.index));
    check_among(changed, *draft);
    if (!draft->errors.empty()) return problem(draft->errors);
    if (auto failed = failed_precondition(call.request, represent(call, found).tag)) return *failed;
    changed.backends.insert(changed.backends.begin() + static_cast<std::ptrdiff_t>(found.index),
                            std::move(draft->value));
    return apply(call, changed, found.index, Status::ok);
}

ApiResponse delete_backend(const Call& call) {
    const Found found = find_backend(call);
    if (found.route == nullptr) return found.missing;
    if (auto failed = failed_precondition(call.request, represent(call, found).tag)) return *failed;
    RouteConfig changed = *found.route;
    changed.backends.erase(changed.backends.begin() + static_cast<std::ptrdiff_t>(found.index));
    const auto outcome = call.configuration.put(std::move(changed), call.order());
    return without_content(outcome);
}

ApiResponse begin_maintenance(const Call& call) {
    const Found found = find_backend(call);
    if (found.route == nullptr) return found.missing;
    if (auto failed = failed_precondition(call.request, represent(call, found).tag)) return *failed;
    const auto outcome = call.configuration.set_maintenance(found.route->v_host, found.backend(),
                                                            true, call.order());
    if (!outcome) return refused(outcome.error());
    ApiResponse response = answer_with(represent(call, found), Status::ok);
    response.wait_for_epoch = *outcome;
    return response;
}

ApiResponse end_maintenance(const Call& call) {
    const Found found = find_backend(call);
    if (found.route == nullptr) return found.missing;
    if (auto failed = failed_precondition(call.request, represent(call, found).tag)) return *failed;
    const auto outcome = call.configuration.set_maintenance(found.route->v_host, found.backend(),
                                                            false, call.order());
    return without_content(outcome);
}

}  // namespace penstock::control
