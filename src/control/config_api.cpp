#include "control/config_api.hpp"

#include <utility>

#include "base/clock.hpp"
#include "control/config_document.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"
#include "control/routes_api.hpp"
#include "model/json_document.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using http::Status;

void write_revision(std::string& out, const Revision& revision) {
    model::JsonObject object(out);
    object.key("revision") += std::to_string(revision.number);
    model::write_string(object.key("when"), rfc3339(revision.unix_ms));
    model::write_string(object.key("what"), revision.what);
    model::write_string(object.key("by"), revision.by);
}

ApiResponse unreadable(const Error& error) {
    return problem(Status::internal_server_error, error.message);
}

/// The document is long: it is made only for those who ask.
std::optional<ApiResponse> failed_precondition(const Call& call) {
    if (!call.request.if_match && !call.request.if_none_match) return {};
    const auto current = current_document(call.configuration);
    if (!current) return unreadable(current.error());
    return control::failed_precondition(call.request, entity_tag(*current));
}

/// The one member of `{"revision": 17}`.
std::uint64_t read_revision(const model::JsonDocument& document, model::FieldErrors& errors) {
    std::uint64_t number = 0;
    simdjson::dom::object members;
    errors = document.duplicate_keys();
    if (document.root().get(members) != simdjson::SUCCESS) {
        errors.push_back({"", "must be an object"});
        return number;
    }
    for (const auto [name, value] : members) {
        if (name != "revision") errors.push_back({model::child_pointer("", name), "unknown field"});
    }
    if (members.at_key("revision").get(number) != simdjson::SUCCESS)
        errors.push_back({"/revision", "must be the number of a revision"});
    return number;
}

}  // namespace

ApiResponse get_config(const Call& call) {
    auto document = current_document(call.configuration);
    if (!document) return unreadable(document.error());
    return represented(call.request, std::move(*document));
}

ApiResponse put_config(const Call& call) {
    auto draft = model::draft_config(call.request.body);
    if (!draft) return problem(draft.error());
    if (auto failed = failed_precondition(call)) return *failed;
    ApiResponse response;
    const auto outcome = apply_document(std::move(*draft), call.configuration, call.mode(),
                                        {.by = call.caller.name}, &response.body);
    if (!outcome) return refused(outcome.error());
    response.wait_for_epoch = *outcome;
    // RFC 9110 section 9.3.4: no validator in the answer to a PUT that stored something else.
    if (call.request.body == response.body)
        response.fields.emplace_back("ETag", entity_tag(response.body));
    return response;
}

ApiResponse list_revisions(const Call& call) {
    const auto revisions = call.configuration.revisions();
    if (!revisions) return unreadable(revisions.error());
    std::string json = "[";
    for (auto at = revisions->rbegin(); at != revisions->rend(); ++at) {
        if (json.size() > 1) json += ',';
        write_revision(json, *at);
    }
    return represented(call.request, json + ']');
}

ApiResponse roll_back(const Call& call) {
    const auto document = model::JsonDocument::parse(call.request.body);
    if (!document) return problem(document.error());
    model::FieldErrors errors;
    const std::uint64_t number = read_revision(*document, errors);
    if (!errors.empty()) return problem(errors);
    if (auto failed = failed_precondition(call)) return *failed;
    const auto outcome = call.configuration.roll_back(number, call.order());
    if (!outcome) return refused(outcome.error());
    const auto revisions = call.configuration.revisions();
    if (!revisions) return unreadable(revisions.error());
    ApiResponse response;
    response.wait_for_epoch = *outcome;
    write_revision(response.body, revisions->back());
    return response;
}

}  // namespace penstock::control
