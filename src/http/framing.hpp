// What a message's fields mean for its connection: where its body ends, whether the connection
// persists, which fields stop here (RFC 9112 section 6 and 9, RFC 9110 section 7.6.1), and where a
// request is bound for.
//
// Pure functions over a parsed FieldList. Strict: what two parties could read in two ways is
// refused.
#pragma once

#include <optional>
#include <string_view>

#include "http/message.hpp"

namespace penstock::http {

/// Fills framing, keep_alive, upgrade, expectations, authority, host and path; marks the fields
/// that end here.
std::optional<Refusal> judge_request(RequestHead& head) noexcept;

/// The same for the answer to a request of `method`.
std::optional<Refusal> judge_response(ResponseHead& head, Method method) noexcept;

/// host [":" port] of RFC 9110 section 7.2, without userinfo; writes the normalised host. False
/// where malformed.
bool parse_authority(std::string_view authority, RequestHead& head) noexcept;

}  // namespace penstock::http
