// Entity tags and conditional requests (RFC 9110 sections 8.8.3 and 13), so that two administrators
// cannot overwrite each other unseen.
//
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/message.hpp"

namespace penstock::control {

/// A strong entity tag, quotes included, of exactly these bytes.
std::string entity_tag(std::string_view representation);
/// One of two parts: what a write could change, and everything that is shown.
std::string entity_tag(std::string_view configured, std::string_view representation);

/// The answer where a precondition of the request fails (412, or 304 for GET and HEAD); empty where
/// the request is to be done. `tag` is the current representation's; empty: there is none. Reads
/// compare the whole tag; writes its first part, so that they do not fail because a backend died.
std::optional<ApiResponse> failed_precondition(const ApiRequest& request, std::string_view tag);

/// The answer to a read of what is there: it, with its entity tag, or what failed_precondition()
/// says.
ApiResponse represented(const ApiRequest& request, std::string json, std::string tag);
/// The same, tagged by exactly these bytes.
ApiResponse represented(const ApiRequest& request, std::string json);

}  // namespace penstock::control
