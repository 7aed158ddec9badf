#include "proxy/request_sampler.hpp"

namespace penstock::proxy {

void RequestSampler::sample(const snapshot::RequestRecord& record) noexcept {
    // What ended long ago, when somebody looked last, is nothing that this one stands for.
    if (record.now - next_ > std::chrono::seconds(1)) ended_ = 0;
    ++ended_;
    if (record.now < next_) return;
    snapshot::RequestSample* const sample = ring_.next();
    if (sample == nullptr) return;
    next_ = record.now + period;
    sample->now = record.now;
    sample->stands_for = ended_;
    ended_ = 0;
    sample->outcome = record.outcome;
    sample->error = record.error;
    sample->status = record.status;
    sample->retries = record.retries;
    sample->tunnelled = record.tunnelled;
    sample->bytes_in = record.bytes_in;
    sample->bytes_out = record.bytes_out;
    sample->queue = record.queue;
    sample->connect = record.connect;
    sample->first_byte = record.first_byte;
    sample->total = record.total();
    sample->v_host.assign(record.route == nullptr ? std::string_view() : record.route->v_host);
    sample->backend.assign(record.upstream == nullptr ? std::string_view()
                                                      : record.upstream->authority);
    ring_.push();
}

}  // namespace penstock::proxy
