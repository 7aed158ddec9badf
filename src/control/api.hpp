// The face between the API's transport (api_server) and what it does (routes_api, backends_api, …): plain values.
//
// Handlers are ordinary functions on the control thread: they validate, store, publish, and say what to answer and
// which epoch every worker must have passed before it is answered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::control {

/// Views into the server's buffers, valid for the call.
struct ApiRequest {
    std::string_view method;
    std::string_view target;  // path and query as received
    std::string_view host;    // as received, with its port
    std::string_view origin;
    std::string_view content_type;
    std::string_view if_match;
    std::string_view if_none_match;
    std::string_view body;
};

struct ApiResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // beside Content-Type and Content-Length
    std::uint64_t wait_for_epoch = 0;                          // 0: answer at once
};

/// What turns requests into responses; the server knows nothing else of it.
class ApiHandler {
  public:
    virtual ~ApiHandler() = default;
    virtual ApiResponse handle(const ApiRequest& request) = 0;
    /// Bodies past this many bytes are refused unread: 413, with the response that too_large() gives.
    virtual std::uint64_t most_body_bytes(std::string_view method, std::string_view target) const = 0;
    /// A problem document for what the transport itself refuses (400, 408, 413, 431 …).
    virtual ApiResponse problem(unsigned status, std::string_view detail) const = 0;
};

}  // namespace penstock::control
