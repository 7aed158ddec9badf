// Exchange's record: what whoever counts, logs or traces requests is told where one ends.
#include <cerrno>

#include "io/ring.hpp"
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"
#include "snapshot/request_details.hpp"

namespace penstock::proxy {

using snapshot::DetailText;
using snapshot::RequestDetails;
using snapshot::RequestRecord;

void Exchange::tell_ended() noexcept {
    RequestEvents& events = worker_.request_events();
    const bool wants_details = events.has_subscribers<RequestDetails>();
    if (!wants_details && !events.has_subscribers<RequestRecord>()) return;
    if (route_ == nullptr && !failure_) return;  // the client left before it was a request
    const RequestRecord ended = record();
    events.publish(ended);
    if (wants_details) tell_details(ended);
}

RequestRecord Exchange::record() const noexcept {
    using snapshot::Outcome;
    RequestRecord record{.route = route_,
                         .error = error_kind(),
                         .status = status_,
                         .retries = static_cast<std::uint16_t>(retries_.made()),
                         .minor_version = request_.minor_version,
                         .tunnelled = status_ == 101,
                         .started = started_,
                         .now = worker_.ring().now(),
                         .bytes_in = client_.body_bytes_read(),
                         .bytes_out = bytes_out_,
                         .queue = queued_for_};
    if (!response_whole_) {
        record.outcome = Outcome::aborted;
    } else {
        record.outcome = attempt_ ? Outcome::completed : Outcome::rejected;
    }
    if (attempt_) {
        const snapshot::AttemptRecord& last = attempt_->record();
        record.upstream = &attempt_->upstream();
        record.connect = last.connect;
        if (last.first_byte) record.first_byte = *last.first_byte + (last.started - dispatched_);
    }
    return record;
}

void Exchange::tell_details(const RequestRecord& record) noexcept {
    RequestDetails details;
    const RequestTrace& trace = identity_.trace();
    details.numbers = {.record = record,
                       .started_unix_ns = worker_.unix_ns(started_),
                       .connection = connection_id_.of(worker_.random()),
                       .trace = trace.context,
                       .span = trace.span,
                       .major_version = request_.major_version};
    details[DetailText::request_id] = identity_.id();
    details[DetailText::client] = identity_.client();
    details[DetailText::host] = request_.host();
    details[DetailText::method] = request_.method_text;
    details[DetailText::target] = request_.path;
    if (route_ != nullptr) details[DetailText::v_host] = route_->v_host;
    if (record.upstream != nullptr) details[DetailText::backend] = record.upstream->authority;
    if (is_secured()) {
        details[DetailText::tls] = connection_.session().version();
        details[DetailText::cipher] = connection_.session().cipher();
    }
    for (const auto& entry : request_.fields) {
        if (entry.id == http::FieldId::user_agent)
            details[DetailText::user_agent] = request_.fields.value(entry);
        else if (entry.id == http::FieldId::referer)
            details[DetailText::referer] = request_.fields.value(entry);
    }
    worker_.request_events().publish(details);
}

/// A client that leaves is nobody's error.
snapshot::ErrorKind Exchange::error_kind() const noexcept {
    if (failure_) return snapshot::error_kind_of(failure_->error);
    if (!response_whole_ && abort_error_ == ETIMEDOUT)
        return snapshot::ErrorKind::http_response_timeout;  // the route's limit, in the body
    return attempt_ ? attempt_->record().error : snapshot::ErrorKind::none;
}

}  // namespace penstock::proxy
