// TraceExporter: sends the workers' spans to an OpenTelemetry collector: OTLP over HTTP, as JSON,
// in batches (--otlp).
//
// Control thread only. One batch is under way at a time. One that the collector cannot take now is
// kept and sent again, ever more seldom; meanwhile the workers' rings fill up, and what finds no
// room there is dropped. Nothing that a collector does reaches further than that.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/http_fetch.hpp"
#include "control/names.hpp"
#include "control/otlp_spans.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "io/timed_event.hpp"
#include "io/timer_wheel.hpp"
#include "snapshot/http_target.hpp"
#include "snapshot/span_queues.hpp"
#include "snapshot/totals.hpp"

namespace penstock::control {

class TraceExporter {
  public:
    static constexpr std::size_t most_spans = 512;           // of a batch
    static constexpr std::size_t most_bytes = 512 * 1024;    // more than that, no further one
    static constexpr std::chrono::milliseconds period{500};  // a batch waits for more
    static constexpr std::chrono::seconds timeout{5};        // of one request
    static constexpr std::chrono::seconds first_retry{1};    // doubled with each further one
    static constexpr std::chrono::seconds longest_retry{16};
    static constexpr std::chrono::milliseconds flush_limit{
        1'000};  // of all that is left, at the end

    /// `url` is one that model::HttpUrl takes. The rest outlives it.
    TraceExporter(io::Ring& ring, Names& names, const std::string& url, const std::string& node,
                  snapshot::SpanQueues& queues, snapshot::Totals& totals);
    TraceExporter(const TraceExporter&) = delete;
    TraceExporter& operator=(const TraceExporter&) = delete;
    /// It has stopped.
    ~TraceExporter();

    void start();
    /// The workers have ended: what there is is sent within flush_limit, the rest dropped.
    void stop();
    bool stopped() const noexcept { return !running_; }

  private:
    /// Of the time that stop() gives.
    struct End : io::Timer {
        explicit End(TraceExporter& e) noexcept : Timer(&come), exporter(e) {}
        static void come(io::Timer& timer);
        TraceExporter& exporter;
    };
    enum class Taken : unsigned char { yes, not_now, never };

    static io::Task<void> run(TraceExporter* exporter);
    io::Task<void> send_all();
    io::Task<Taken> send();
    bool is_full_batch() const noexcept;
    void take_batch();
    void settle(Taken taken);
    void take_rejected(RejectedSpans rejected);
    void drop_all();
    Duration pause() const noexcept;

    io::Ring& ring_;
    Names& names_;
    const snapshot::HttpTarget target_;
    const std::string node_;
    snapshot::SpanQueues& queues_;
    snapshot::Totals& totals_;

    std::optional<OtlpSpans> batch_;  // not taken yet
    std::optional<HttpFetch> request_;
    std::string reason_;      // of the last failure
    RejectedSpans rejected_;  // of the last batch that was taken
    io::TimedEvent woken_;
    unsigned failures_ = 0;  // in a row
    TimePoint ends_ = never;
    End end_{*this};
    bool running_ = false;
    bool stopping_ = false;
};

}  // namespace penstock::control
