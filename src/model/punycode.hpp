// Punycode (RFC 3492), decoding only: enough to tell a real A-label from "xn--" followed by noise.
//
// Pure function, any thread.
#pragma once

#include <string_view>

namespace penstock::model {

/// `label` is what follows "xn--", lower case LDH. True where it decodes to Unicode scalar values
/// with at least one outside ASCII; IDNA's tables of permitted characters are the registries'
/// concern.
bool is_punycode(std::string_view label) noexcept;

}  // namespace penstock::model
