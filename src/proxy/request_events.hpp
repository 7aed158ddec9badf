// RequestEvents: a worker's own bus, of one event: request.completed.
//
// Worker thread only: a request is told where it ends, before its connection goes on, and a
// callback neither blocks nor throws nor allocates. The record is valid during the call. Who
// listens is nothing the exchange knows: statistics, the access log. Where nobody does, the
// exchange does not even make the record (has_subscribers()).
#pragma once

#include "base/event_bus.hpp"

namespace penstock::snapshot {
struct RequestRecord;
}

namespace penstock::proxy {

using RequestEvents = EventBus<snapshot::RequestRecord>;

}  // namespace penstock::proxy
