#include "snapshot/http_target.hpp"

#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "model/host_pattern.hpp"
#include "model/http_url.hpp"
#include "snapshot/compile.hpp"

namespace penstock::snapshot {

void HostAddresses::set(List addresses) {
    auto list = addresses.empty() ? nullptr : std::make_shared<const List>(std::move(addresses));
    const std::lock_guard guard(lock_);
    list_.swap(list);  // what there was is freed once the lock has been given back
}

std::shared_ptr<const HostAddresses::List> HostAddresses::get() const noexcept {
    const std::lock_guard guard(lock_);
    return list_;
}

HttpTarget HttpTarget::of(const std::string& url, const std::optional<std::string>& authorities) {
    auto parsed = model::HttpUrl::parse(url);
    PENSTOCK_ASSERT(parsed.has_value());
    Backend host;
    host.hostname = parsed->hostname;
    host.port = parsed->port;
    host.tls = parsed->is_secure;
    host.ca_cert = authorities;
    HttpTarget target;
    target.hostname = std::move(parsed->hostname);
    target.port = parsed->port;
    target.authority = std::move(parsed->authority);
    target.path = std::move(parsed->target);
    target.tls = ClientContexts().of(host);  // for this target alone
    if (!model::needs_lookup(target.hostname))
        target.addresses->set(state_of_literal(host).addresses);
    return target;
}

}  // namespace penstock::snapshot
