// Header fields that a route sets: which names, values and placeholders may stand in its
// configuration.
//
// Pure functions, any thread. RFC 9110 section 5.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::model {

/// 1*tchar (RFC 9110 section 5.6.2).
bool is_token(std::string_view text) noexcept;

/// Text without control bytes (HTAB excepted) and without white space at its ends.
bool is_field_value(std::string_view text) noexcept;

enum class MessageKind : std::uint8_t { request, response };

/// Why a route may not set (`removes`: take away) this field of its requests or responses: it
/// frames the message, belongs to one connection, or is what a proxy owes to others. Empty where it
/// may.
std::string_view why_reserved(std::string_view name, MessageKind kind, bool removes) noexcept;

/// host [":" port], as the strict parser of requests takes it.
bool is_authority(std::string_view value) noexcept;

/// True where every "${" begins one of ${request.id}, ${client.ip}, ${vhost}.
bool has_known_placeholders(std::string_view value) noexcept;

}  // namespace penstock::model
