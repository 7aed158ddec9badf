// Auth providers: from JSON, and what may stand in one (SPEC section 8).
//
// Pure functions, any thread. Pointers are those of the provider's JSON form. What hashes and keys
// say is not looked at here: that is control/auth_providers.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include <penstock/auth_provider.hpp>

#include "model/draft.hpp"
#include "model/limits.hpp"

namespace penstock::model {

inline constexpr std::size_t most_users = 10'000;  ///< or tokens, of one provider
inline constexpr std::size_t longest_user_name = 255;
inline constexpr std::size_t longest_realm = 255;
inline constexpr std::size_t most_audiences = 100;
inline constexpr std::size_t most_hook_fields = 64;

/// Unknown and duplicate fields and wrong types are errors of the draft; meaning is not looked at
/// yet.
Drafted<AuthProviderConfig> draft_auth_provider(std::string_view json);

/// Everything that is wrong with it, with pointers under `base`.
FieldErrors validate(const AuthProviderConfig& provider, std::string_view base = "");

/// The items of a document's section: one by one and against each other. Gives those ids that have
/// none.
void check_all(std::vector<AuthProviderConfig>& providers, std::string_view base,
               FieldErrors& errors);

/// What answers never show, a client cannot send back: a user without a hash, or a token without
/// its value, keeps that of the same name before.
void inherit_secrets(AuthProviderConfig& provider, const AuthProviderConfig& before);

}  // namespace penstock::model
