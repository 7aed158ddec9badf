#include "control/health_api.hpp"

#include "control/problem.hpp"

namespace penstock::control {

namespace {

ApiResponse status_of(std::string_view word) {
    ApiResponse response;
    response.fields.emplace_back("Cache-Control", "no-store");
    response.body = R"({"status":")" + std::string(word) + R"("})";
    return response;
}

}  // namespace

ApiResponse healthz(const Call&) {
    return status_of("alive");
}

ApiResponse readyz(const Call& call) {
    if (call.ready) return status_of("ready");
    return problem(http::Status::service_unavailable, "Starting, or draining.");
}

}  // namespace penstock::control
