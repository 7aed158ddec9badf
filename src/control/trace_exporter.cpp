#include "control/trace_exporter.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "model/host_pattern.hpp"

namespace penstock::control {

namespace {

/// As what Names knows the collector, beside vHosts, which have no colon.
constexpr const char* user_of_names = "otlp:collector";

/// More of an answer is not read.
constexpr std::size_t longest_answer = 64 * 1024;

/// By the protocol's section on failures: these may be tried again, other answers may not.
bool is_for_now(int status) noexcept {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

TraceExporter::TraceExporter(io::Ring& ring, Names& names, const std::string& url,
                             const std::string& node, snapshot::SpanQueues& queues,
                             snapshot::Totals& totals)
    : ring_(ring),
      names_(names),
      target_(snapshot::HttpTarget::of(url, std::nullopt)),
      node_(node),
      queues_(queues),
      totals_(totals),
      woken_(ring) {}

TraceExporter::~TraceExporter() {
    PENSTOCK_ASSERT(!running_);
    ring_.timers().disarm(end_);
}

void TraceExporter::start() {
    if (model::needs_lookup(target_.hostname)) names_.use(user_of_names, {target_.hostname});
    running_ = true;
    io::spawn(run(this));
}

void TraceExporter::stop() {
    stopping_ = true;
    ends_ = ring_.now() + flush_limit;
    ring_.timers().arm(end_, ends_);
    woken_.set();
}

void TraceExporter::End::come(io::Timer& timer) {
    auto& request = static_cast<End&>(timer).exporter.request_;
    if (request) request->interrupt();
}

io::Task<void> TraceExporter::run(TraceExporter* exporter) {
    co_await exporter->send_all();
    exporter->running_ = false;
}

io::Task<void> TraceExporter::send_all() {
    for (;;) {
        const bool takes_last = stopping_ && !batch_;
        if (!batch_) take_batch();
        const bool is_full = batch_ && is_full_batch();
        if (batch_ && (!stopping_ || ring_.now() < ends_)) {
            const Taken taken = co_await send();
            settle(taken);
        }
        const bool is_last = takes_last && !is_full;
        if (stopping_ && (failures_ > 0 || ring_.now() >= ends_ || is_last)) break;
        if ((is_full || stopping_) && failures_ == 0) continue;
        co_await woken_.wait(ring_.now() + pause());
    }
    drop_all();
}

bool TraceExporter::is_full_batch() const noexcept {
    return batch_->count() >= most_spans || batch_->size() >= most_bytes;
}

void TraceExporter::take_batch() {
    queues_.take([this](const snapshot::RequestDetails& request) {
        if (!batch_) batch_.emplace(node_);
        batch_->add(request);
        return !is_full_batch();
    });
}

io::Task<TraceExporter::Taken> TraceExporter::send() {
    if (model::needs_lookup(target_.hostname))
        target_.addresses->set(names_.addresses(target_.hostname, target_.port));
    const Duration left = stopping_ ? std::max(ends_ - ring_.now(), Duration::zero()) : timeout;
    const HttpFetch::Limits limits{.timeout = left, .longest = longest_answer};
    const HttpFetch::Content content{.type = "application/json", .text = batch_->finish()};
    request_.emplace(ring_, target_, limits, content);
    const auto answer = co_await request_->run();
    request_.reset();
    if (!answer) {
        reason_ = answer.error().message;
        co_return Taken::not_now;
    }
    if (answer->status / 100 == 2) {
        take_rejected(rejected_spans(answer->text));
        co_return Taken::yes;
    }
    reason_ = "it answered " + std::to_string(answer->status);
    co_return is_for_now(answer->status) ? Taken::not_now : Taken::never;
}

void TraceExporter::settle(Taken taken) {
    if (taken != Taken::not_now) {
        const std::uint64_t count = batch_->count();
        const std::uint64_t lost = taken == Taken::yes ? std::min(rejected_.count, count) : count;
        totals_.spans.delivered.fetch_add(count - lost, std::memory_order_relaxed);
        totals_.spans.dropped.fetch_add(lost, std::memory_order_relaxed);
        batch_.reset();
    }
    if (taken == Taken::yes) {
        if (std::exchange(failures_, 0) > 0)
            log(LogLevel::info, "spans are exported again", {{"host", target_.hostname}});
        return;
    }
    // Once in a row: the same again tells nothing new.
    if (failures_++ == 0) {
        log(LogLevel::warn, "spans cannot be exported",
            {{"host", target_.hostname}, {"reason", reason_}});
    }
}

/// Told of once in a row, as failures are.
void TraceExporter::take_rejected(RejectedSpans rejected) {
    if (rejected.count > 0 && rejected_.count == 0) {
        log(LogLevel::warn, "spans were rejected",
            {{"host", target_.hostname},
             {"rejected", rejected.count},
             {"reason", std::string_view(rejected.reason)}});
    }
    rejected_ = std::move(rejected);
}

Duration TraceExporter::pause() const noexcept {
    if (failures_ == 0) return period;
    std::chrono::seconds pause = first_retry;
    for (unsigned i = 1; i < failures_ && pause < longest_retry; ++i) pause *= 2;
    return pause;
}

void TraceExporter::drop_all() {
    std::uint64_t dropped = batch_ ? batch_->count() : 0;
    batch_.reset();
    queues_.take([&dropped](const snapshot::RequestDetails&) {
        ++dropped;
        return true;
    });
    if (dropped == 0) return;
    totals_.spans.dropped.fetch_add(dropped, std::memory_order_relaxed);
    log(LogLevel::warn, "spans were left unsent",
        {{"host", target_.hostname}, {"dropped", dropped}});
}

}  // namespace penstock::control
