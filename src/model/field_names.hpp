// Header fields that a route sets: which names, values and placeholders may stand in its
// configuration.
//
// Pure functions, any thread. RFC 9110 section 5.
#pragma once

#include <string_view>

namespace penstock::model {

/// 1*tchar (RFC 9110 section 5.6.2).
bool is_token(std::string_view text) noexcept;

/// Text without control bytes (HTAB excepted) and without white space at its ends.
bool is_field_value(std::string_view text) noexcept;

/// Fields that frame the message or belong to one connection: setting one would break what the
/// proxy makes of it.
bool is_framing_field(std::string_view name) noexcept;

/// True where every "${" begins one of ${request.id}, ${client.ip}, ${vhost}.
bool has_known_placeholders(std::string_view value) noexcept;

}  // namespace penstock::model
