#include "proxy/passive_health.hpp"

#include <cerrno>

#include "snapshot/eligible.hpp"

namespace penstock::proxy {

bool speaks_against_backend(int error) noexcept {
    switch (error) {
        case 0:
        case ECONNREFUSED:
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENETUNREACH:
        case ENETDOWN:
        case ENONET:
        case ENOPROTOOPT:  // ICMP "protocol unreachable"
        case EPROTO:
        case EACCES:  // a firewall's "administratively prohibited"
        case EPERM:
        case ECONNRESET:
        case ECONNABORTED:
        case EPIPE:
            return true;
        default:
            return false;
    }
}

void report_failure(const snapshot::Route& route, const snapshot::Upstream& upstream, int error,
                    std::string_view tls_reason, TimePoint now, const snapshot::TellControl& tell) {
    if (!speaks_against_backend(error)) return;
    if (!upstream.live->health.record_failure(route.health, now)) return;
    tell({snapshot::LiveChange::Kind::died, snapshot::name_of(*upstream.live), error, tls_reason});
    // A request that outlived its route's version does not speak for the backends of the present
    // one: the control thread looks at those when it hears of the death.
    if (route.live->newest.load(std::memory_order_relaxed) != &route) return;
    if (!snapshot::takes_requests(route, now))
        route.live->gate.answer_waiting(snapshot::AdmissionGate::Answer::no_backend);
}

}  // namespace penstock::proxy
