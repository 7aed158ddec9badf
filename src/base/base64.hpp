// Base64 (RFC 4648 sections 4 and 5) into bytes, and bytes into base64.
//
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

/// White space between the characters is passed over, as tools break lines; empty where anything
/// else is wrong, missing padding included.
std::optional<std::string> decode_base64(std::string_view text);

/// Without padding and white space; empty where anything is wrong, left-over bits that are not zero
/// included: every byte string has one text.
std::optional<std::string> decode_base64_unpadded(std::string_view text);
/// The same in the alphabet for URLs, as JSON Web Signatures use it (RFC 7515 section 2).
std::optional<std::string> decode_base64url(std::string_view text);

/// With padding, without line breaks.
std::string encode_base64(std::string_view bytes);

}  // namespace penstock
