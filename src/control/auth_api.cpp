#include "control/auth_api.hpp"

#include <utility>

#include <fmt/format.h>

#include "control/paging.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"
#include "control/routes_api.hpp"
#include "model/auth_provider.hpp"
#include "model/json_writer.hpp"
#include "model/uuid.hpp"

namespace penstock::control {

namespace {

using http::Status;
using ProviderDraft = model::Draft<AuthProviderConfig>;

struct Representation {
    std::string json;
    std::string tag;
};

/// The tag is of secrets too, so that two administrators cannot overwrite each other's. Mixed with
/// what nobody else knows, for nobody is to try secrets against it; after a restart it is another.
Representation represent(const CheckedAuthProvider& provider) {
    static const std::string salt = model::make_uuid();
    Representation shown;
    model::write_configured(shown.json, provider.config, model::Secrets::left_out);
    shown.tag = entity_tag(shown.json + provider.compiled->fingerprint.hex() + salt);
    return shown;
}

/// Null where there is none.
const CheckedAuthProvider* find(const Call& call, std::string_view id) {
    const auto& all = call.configuration.auth_providers();
    const auto at = all.find(id);
    return at == all.end() ? nullptr : &at->second;
}

std::string tag_of(const CheckedAuthProvider* provider) {
    return provider == nullptr ? std::string() : represent(*provider).tag;
}

ApiResponse no_such_provider(const Call& call) {
    return problem(Status::not_found,
                   fmt::format("There is no auth provider \"{}\".", call.path.id));
}

/// Checks the draft, makes the change where nothing speaks against it, and answers with the
/// provider.
ApiResponse apply(const Call& call, ProviderDraft draft, const CheckedAuthProvider* before) {
    if (before != nullptr) model::inherit_secrets(draft.value, before->config);
    auto compiled = check_auth_provider(draft);
    if (compiled == nullptr) return problem(draft.errors);
    if (auto failed = failed_precondition(call.request, tag_of(before))) return *failed;
    const bool creates = before == nullptr;
    CheckedAuthProvider provider{std::move(draft.value), std::move(compiled)};
    Representation shown = represent(provider);
    const std::string id = provider.config.id;
    const auto outcome = call.configuration.put_auth_provider(std::move(provider), call.order());
    if (!outcome) return refused(outcome.error());

    ApiResponse response;
    response.wait_for_epoch = *outcome;
    response.status = creates ? Status::created : Status::ok;
    response.body = std::move(shown.json);
    if (creates) {
        response.fields.emplace_back("Location", "/api/v1/auth-providers/" + percent_encode(id));
    }
    // RFC 9110 section 9.3.4: no validator in the answer to a PUT that stored something else.
    if (call.request.method != "PUT" || call.request.body == response.body)
        response.fields.emplace_back("ETag", std::move(shown.tag));
    return response;
}

}  // namespace

ApiResponse list_auth_providers(const Call& call) {
    return list_of(call, call.configuration.auth_providers(),
                   [](std::string& out, const auto& item) { out += represent(item.second).json; });
}

ApiResponse create_auth_provider(const Call& call) {
    auto draft = model::draft_auth_provider(call.request.body);
    if (!draft) return problem(draft.error());
    if (draft->errors.empty() && find(call, draft->value.id) != nullptr) {
        return problem(Status::conflict,
                       fmt::format("There is an auth provider \"{}\" already.", draft->value.id),
                       {{"/id", "exists; PUT changes it", model::FieldErrorKind::conflict}});
    }
    if (draft->value.id.empty()) draft->value.id = model::make_uuid();
    return apply(call, std::move(*draft), nullptr);
}

ApiResponse get_auth_provider(const Call& call) {
    const CheckedAuthProvider* const provider = find(call, call.path.id);
    if (provider == nullptr) return no_such_provider(call);
    Representation shown = represent(*provider);
    return represented(call.request, std::move(shown.json), std::move(shown.tag));
}

ApiResponse replace_auth_provider(const Call& call) {
    auto draft = model::draft_auth_provider(call.request.body);
    if (!draft) return problem(draft.error());
    std::string& id = draft->value.id;
    if (!id.empty() && id != call.path.id)
        draft->errors.push_back({"/id", fmt::format("the path says \"{}\"", call.path.id)});
    id = call.path.id;
    return apply(call, std::move(*draft), find(call, call.path.id));
}

ApiResponse delete_auth_provider(const Call& call) {
    const CheckedAuthProvider* const provider = find(call, call.path.id);
    if (provider == nullptr) return no_such_provider(call);
    if (auto failed = failed_precondition(call.request, tag_of(provider))) return *failed;
    const auto outcome = call.configuration.remove_auth_provider(call.path.id, call.order());
    return without_content(outcome);
}

}  // namespace penstock::control
