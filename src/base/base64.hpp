// Base64 (RFC 4648 section 4) into bytes.
//
// Pure function, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// White space between the characters is passed over, as tools break lines; empty where anything
/// else is wrong, missing padding included.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace penstock
