// Any bytes as a JSON string (RFC 8259 section 7).
//
// Any thread. What is no UTF-8 becomes U+FFFD, one a byte: the text is JSON whatever comes from
// the network. UTF-8 passes as it is.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// Appends `text` escaped, without quotes.
void append_json_escaped(std::string& out, std::string_view text);

/// Appends `text` quoted and escaped.
inline void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    append_json_escaped(out, text);
    out += '"';
}

}  // namespace penstock
