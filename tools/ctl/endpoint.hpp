// Endpoint: where the API is, as --admin says it.
//
// Plain values, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <penstock/result.hpp>

namespace penstock::ctl {

/// The daemon's own default, and the port of a URL that has none.
inline constexpr std::uint16_t usual_port = 9080;

struct Endpoint {
    std::string url;  // for messages: it holds no secret
    bool is_tls = false;
    std::string host;  // without brackets; of a Unix socket: localhost
    std::uint16_t port = usual_port;
    std::string unix_path;  // empty: TCP

    bool is_unix() const noexcept { return !unix_path.empty(); }
    /// What goes into the field Host.
    std::string authority() const;
};

/// "http://HOST[:PORT]", "https://HOST[:PORT]", "HOST:PORT" or "unix:PATH". User names, passwords
/// and paths are refused: what a URL says is seen by everybody who sees the process.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace penstock::ctl
