#include "proxy/span_recorder.hpp"

#include "snapshot/request_details.hpp"

namespace penstock::proxy {

namespace {

using snapshot::DetailText;

constexpr snapshot::DetailSet wanted =
    snapshot::all_details & ~(bit_of(DetailText::cipher) | bit_of(DetailText::referer));

}  // namespace

RequestListener record_spans(snapshot::SpanQueues& queues, snapshot::Totals& totals) {
    return [&queues, &totals](RequestEvents& events, unsigned worker) {
        return events.subscribe<snapshot::RequestDetails>(
            [&ring = queues.of(worker), &dropped = totals.by_worker[worker].spans_dropped](
                const snapshot::RequestDetails& details) {
                if (details.numbers.span == 0 || !details.numbers.trace.is_sampled) return;
                char* const room = ring.reserve(snapshot::encoded_size(details, wanted));
                if (room == nullptr) {
                    dropped.store(dropped.load(std::memory_order_relaxed) + 1,
                                  std::memory_order_relaxed);
                    return;
                }
                snapshot::encode(details, wanted, room);
                ring.commit();
            });
    };
}

}  // namespace penstock::proxy
