// Spans as OpenTelemetry's collectors take them: an ExportTraceServiceRequest in OTLP's JSON
// (OpenTelemetry Protocol 1.x; names by its semantic conventions for HTTP servers).
//
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "snapshot/request_details.hpp"

namespace penstock::control {

class OtlpSpans {
  public:
    /// `node`: service.instance.id.
    explicit OtlpSpans(std::string_view node);

    void add(const snapshot::RequestDetails& request);
    std::size_t count() const noexcept { return count_; }
    /// Of the text so far.
    std::size_t size() const noexcept { return text_.size(); }
    /// The whole document; nothing is added behind it.
    const std::string& finish();

  private:
    std::string text_;
    std::size_t count_ = 0;
    bool is_finished_ = false;
};

/// What of a batch a collector did not keep, though it answered 2xx ("partial success").
struct RejectedSpans {
    std::uint64_t count = 0;
    std::string reason;
};
/// Out of its answer; one that does not say so, or cannot be read, has rejected none.
RejectedSpans rejected_spans(std::string_view answer);

}  // namespace penstock::control
