// The text of a JWK Set (RFC 7517) as far as the model has to do with it: which of its members are
// secret.
//
// Pure functions, any thread. Text that is no JWK Set comes back as it is: what is wrong with it is
// auth/jwk_set's to say.
#pragma once

#include <string>
#include <string_view>

namespace penstock::model {

/// Without the `k` of symmetric keys, nor what private keys have.
std::string without_secrets(std::string_view jwks);

/// Each symmetric key without its `k` gets that of the same `kid` before.
std::string with_secrets_of(std::string_view jwks, std::string_view before);

}  // namespace penstock::model
