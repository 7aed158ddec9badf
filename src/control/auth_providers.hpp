// Auth providers as the control thread knows them: checked to the last hash, and compiled.
//
// Control thread only. Here, and not in the model, because what a hash or a key says is the
// business of a layer above that.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <penstock/auth_provider.hpp>

#include "model/draft.hpp"
#include "snapshot/auth_provider.hpp"

namespace penstock::control {

using snapshot::AuthProviderPtr;

/// One that has passed check_auth_provider(), and what was made of it.
struct CheckedAuthProvider {
    AuthProviderConfig config;
    AuthProviderPtr compiled;
};

using AuthProviders = std::map<std::string, CheckedAuthProvider, std::less<>>;  // by id

/// Adds what is wrong to the draft; null where anything is. Of tokens only their SHA-256 stays. The
/// id is complete.
AuthProviderPtr check_auth_provider(model::Draft<AuthProviderConfig>& draft);

/// Of the host that it asks; empty where it asks none, or one by its address.
std::optional<std::string> name_to_look_up(const AuthProviderConfig& provider);

/// That the route whose pointer is `base` names one that there is not.
model::FieldError no_auth_provider(const std::string& id, std::string_view base);

}  // namespace penstock::control
