// What the REST API is asked and what it answers, apart from how the bytes travel.
//
// Plain values. The views of a request belong to the server that read it, and live until its answer
// has been made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/status.hpp"

namespace penstock::control {

class ResponseStream;

struct ApiRequest {
    std::string_view method;
    std::string_view target;  // path and query, as received
    std::string_view body;
    // Fields; several lines of one are joined by the server as RFC 9110 section 5.3 says.
    std::optional<std::string_view> host;
    std::optional<std::string_view> origin;
    std::optional<std::string_view> content_type;
    std::optional<std::string_view> content_encoding;
    std::optional<std::string_view> if_match;
    std::optional<std::string_view> if_none_match;
    std::optional<std::string_view> authorization;
    std::optional<std::string_view> accept;
    std::optional<std::string_view> last_event_id;
    // What the connection tells.
    std::string_view peer;    // who is at its other end; empty: not known
    bool is_secured = false;  // it is under TLS
};

/// Who asks, for the list of revisions and the audit; and what may be done for him.
struct Caller {
    std::string name;
    bool may_write = true;
};

struct ApiResponse;
/// Any thread, once.
using GiveAnswer = std::function<void(ApiResponse)>;

struct ApiResponse {
    http::Status status = http::Status::ok;
    std::string content_type = "application/json";  // of the body, where there is one
    std::vector<std::pair<std::string, std::string>> fields;
    /// For HEAD the server sends its length alone.
    std::string body;
    /// To be sent when every worker has passed this epoch; 0: at once.
    std::uint64_t wait_for_epoch = 0;
    /// Not empty: nothing has been done yet. The same request is to be asked again once these names
    /// have been looked up (names.hpp).
    std::vector<std::string> unknown_names{};
    /// Where there is one, the answer is what it gives, later: it is called once, on the control
    /// thread, and begins the work.
    std::function<void(const GiveAnswer&)> later{};
    /// Not null: the body, in place of the one above; the connection ends with it.
    std::shared_ptr<ResponseStream> stream{};
};

}  // namespace penstock::control
