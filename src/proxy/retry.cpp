#include "proxy/retry.hpp"

namespace penstock::proxy {

bool is_idempotent(std::string_view method) noexcept {  // RFC 9110 section 9.2.2
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

bool Retries::take(const snapshot::Route& route, TimePoint now) const noexcept {
    if (made() >= route.retries) return false;
    const std::uint64_t requests =
        route.live->series.recent_requests(snapshot::RetryBudget::window_seconds, now);
    return route.live->retry_budget.take(requests, now);
}

}  // namespace penstock::proxy
