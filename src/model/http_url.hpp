// HttpUrl: an http or https URL of the configuration, taken apart (RFC 9110 section 4.2).
//
// Values, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

namespace penstock::model {

struct HttpUrl {
    static constexpr std::size_t longest = 2'048;

    bool is_secure = false;
    std::string hostname;  // as canonical_hostname() gives it
    std::uint16_t port = 0;
    std::string authority;  // for Host: without the scheme's own port
    std::string target;     // path and query, at least "/"

    /// Without user information (which would end in logs) and fragment.
    static Result<HttpUrl> parse(std::string_view text);
};

}  // namespace penstock::model
