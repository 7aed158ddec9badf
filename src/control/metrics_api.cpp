#include "control/metrics_api.hpp"

#include "control/metrics/metrics.hpp"

namespace penstock::control {

ApiResponse get_metrics(const Call& call) {
    ApiResponse response;
    response.content_type = Exposition::content_type;
    response.body = call.metrics.text(Clock::now());
    return response;
}

}  // namespace penstock::control
