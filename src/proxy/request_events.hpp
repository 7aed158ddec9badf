// RequestEvents: a worker's own bus. A request that has ended is told of twice: its numbers
// (RequestRecord), and those with all that a log may want to say of it (RequestDetails).
//
// Worker thread only: a request is told where it ends, before its connection goes on, and a
// callback neither blocks nor throws nor allocates. What it is given is valid during the call. Who
// listens is nothing the exchange knows: statistics, the access log, traces. Where nobody does, the
// exchange makes neither (has_subscribers()).
#pragma once

#include <functional>

#include "base/event_bus.hpp"

namespace penstock::snapshot {
struct RequestRecord;
struct RequestDetails;
}  // namespace penstock::snapshot

namespace penstock::proxy {

using RequestEvents = EventBus<snapshot::RequestRecord, snapshot::RequestDetails>;

/// Who listens to a worker from its start to its end: called once, before its thread runs.
using RequestListener = std::function<Subscription(RequestEvents& events, unsigned worker)>;

}  // namespace penstock::proxy
