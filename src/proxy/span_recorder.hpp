// Spans: of each request whose trace is sampled, what its span says goes to whoever exports it.
//
// On a worker, as a listener on its bus: a copy into that worker's ring, or one more that was
// dropped.
#pragma once

#include "proxy/request_events.hpp"
#include "snapshot/span_queues.hpp"
#include "snapshot/totals.hpp"

namespace penstock::proxy {

/// Both outlive the workers.
RequestListener record_spans(snapshot::SpanQueues& queues, snapshot::Totals& totals);

}  // namespace penstock::proxy
