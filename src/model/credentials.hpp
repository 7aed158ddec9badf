// What backends' PEM says: parsed, and the key fits.
//
// Pure functions, any thread. Apart from validate.hpp, for this is about their content.
#pragma once

#include <string>
#include <string_view>

#include <penstock/config.hpp>

#include "model/field_error.hpp"
#include "net/tls/client_context.hpp"

namespace penstock::model {

/// Views of the backend's fields.
net::tls::ClientCredentials credentials_of(const Backend& backend) noexcept;

/// What was found good is not parsed again: documents repeat their CA for thousands of routes, and
/// parsing one certificate takes longer than all the rest of its route.
struct KnownCredentials {
    std::string authorities;  // the last that were good
};

/// Everything that is wrong with the PEM of the route's backends, with pointers under `base`. What
/// validate() says (a certificate without its key, say) is not said again.
FieldErrors check_credentials(const RouteConfig& route, std::string_view base,
                              KnownCredentials& known);

/// What answers never show, a client cannot send back: a client certificate without its key keeps
/// the key of the same backend before.
void inherit_secrets(Backend& backend, const Backend& before);

}  // namespace penstock::model
