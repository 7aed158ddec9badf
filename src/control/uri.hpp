// Request targets of the API: paths, percent-encoding and query parameters (RFC 3986).
//
// Pure functions, any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::control {

/// Undoes percent-encoding; empty where an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text);

/// Makes `text` one path segment: everything but unreserved characters and "*" is encoded.
std::string percent_encode(std::string_view text);

using Query = std::map<std::string, std::string, std::less<>>;

/// "a=1&b=2", decoded; empty where an escape is malformed or a name stands twice.
std::optional<Query> parse_query(std::string_view text);

}  // namespace penstock::control
