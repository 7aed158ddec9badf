#include "control/events_api.hpp"

#include "base/bytes.hpp"
#include "control/event_feed.hpp"
#include "control/problem.hpp"

namespace penstock::control {

namespace {

using http::Status;

constexpr std::string_view event_stream = "text/event-stream";

/// A weight of nothing: "q=0", "q=0.000" (RFC 9110 section 12.4.2).
bool is_refusal(std::string_view parameter) {
    if (parameter.size() < 3 || !equals_lower(parameter.substr(0, 2), "q=")) return false;
    return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
}

/// True where the most specific range of Accept that takes an event stream has a weight (RFC 9110
/// section 12.5.1).
bool accepts_event_stream(std::string_view accept) {
    int best = 0;
    bool accepted = false;
    for_each_element(accept, [&](std::string_view element) {
        std::string_view range = trim_ows(element.substr(0, element.find(';')));
        const int rank = equals_lower(range, event_stream) ? 3
                         : equals_lower(range, "text/*")   ? 2
                         : range == "*/*"                  ? 1
                                                           : 0;
        if (rank <= best) return;
        best = rank;
        accepted = true;
        std::size_t at = element.find(';');
        while (at != std::string_view::npos) {
            const std::size_t end = element.find(';', at + 1);
            const std::string_view parameter = trim_ows(element.substr(at + 1, end - at - 1));
            if (is_refusal(parameter)) accepted = false;
            at = end;
        }
    });
    return accepted;
}

}  // namespace

ApiResponse get_events(const Call& call) {
    if (call.request.accept && !accepts_event_stream(*call.request.accept))
        return problem(Status::not_acceptable, "Events come as text/event-stream alone.");
    ApiResponse response;
    auto last_seen = call.request.last_event_id;
    if (last_seen && last_seen->empty()) last_seen.reset();
    response.stream =
        call.events.follow({.last_seen = last_seen, .samples = call.query.contains("requests")});
    if (response.stream == nullptr) {
        response = problem(Status::service_unavailable, "Too many follow the events already.");
        response.fields.emplace_back("Retry-After", "10");
        return response;
    }
    response.content_type = event_stream;
    response.fields.emplace_back("X-Accel-Buffering", "no");  // for a proxy in between
    return response;
}

}  // namespace penstock::control
