// A request as a line of the access log: as JSON or as text, with the fields that were asked for
// (docs/logs.md).
//
// On the log's own thread. A field without a value is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "base/log.hpp"
#include "snapshot/request_details.hpp"

namespace penstock::proxy {

enum class LogLineField : std::uint8_t {
    time,
    request_id,
    connection_id,
    client,
    v_host,
    host,
    method,
    path,
    status,
    outcome,
    bytes_in,
    bytes_out,
    queue,
    connect,
    first_byte,
    total,
    backend,
    retries,
    tls,
    cipher,
    protocol,
    error,
    trace_id,
    span_id,
    user_agent,
    referer,
};
using LogLineFields = std::vector<LogLineField>;

/// By its name in docs/logs.md.
Result<LogLineField> parse_log_line_field(std::string_view name);
/// Where none have been chosen.
LogLineFields default_log_line_fields();
/// What has to be kept of a request for a line with these fields.
snapshot::DetailSet texts_of(const LogLineFields& fields) noexcept;

class LineFormat {
  public:
    LineFormat(LogFormat format, const LogLineFields& fields);

    /// At most so many bytes are appended.
    static constexpr std::size_t longest = 32 * 1024;
    void append(std::string& out, const snapshot::RequestDetails& details);

  private:
    struct Member {
        LogLineField field;
        std::string key;  // as it stands in the line, with what follows it
    };

    bool append_value(std::string& out, LogLineField field,
                      const snapshot::RequestDetails& details);
    void append_time(std::string& out, std::int64_t unix_ns);

    LogFormat format_;
    std::vector<Member> members_;
    std::int64_t second_ = -1;  // the one that to_second_ is of
    std::string to_second_;     // "1994-11-06T08:49:37."
};

}  // namespace penstock::proxy
