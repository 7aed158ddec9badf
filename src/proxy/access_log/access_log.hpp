// AccessLog: a line for each request that has ended (SPEC section 10, docs/logs.md).
//
// Made before the workers and ended after them, by whoever owns them. On a worker it hears of
// requests on that worker's bus, and copies what the line wants into that worker's ring: no lock,
// no allocation, no system call but where its thread sleeps. All else is that thread's (writer).
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <penstock/result.hpp>
#include <sys/types.h>

#include "base/random.hpp"
#include "proxy/access_log/writer.hpp"
#include "proxy/request_events.hpp"
#include "snapshot/totals.hpp"

namespace penstock::proxy {

struct AccessLogOptions {
    std::string target;  // a path, or "-": standard output
    LogFormat format = LogFormat::json;
    LogLineFields fields;                           // empty: default_log_line_fields()
    std::uint32_t sample = 1;                       // one request in so many; errors always
    std::size_t ring_bytes = std::size_t{4} << 20;  // a worker's; a power of two
};

class AccessLog {
  public:
    /// Opens the file, with the rights that the process has now. `totals` outlives the workers.
    static Result<std::unique_ptr<AccessLog>> open(const AccessLogOptions& options,
                                                   snapshot::Totals& totals);
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    /// Writes what is there, for at most LogWriter::flush_limit.
    ~AccessLog();

    /// Of a worker whose thread does not run yet; every worker's before start().
    Subscription listen(RequestEvents& events, unsigned worker);
    /// The file is that user's from now on; before start(), as root.
    void give_to(uid_t user, gid_t group) noexcept { writer_->give_to(user, group); }
    void start();
    /// Any thread, from start() on: the file of that name is opened anew.
    void reopen() noexcept { writer_->reopen(); }

  private:
    AccessLog(const AccessLogOptions& options, LogFile file, snapshot::Totals& totals);

    const AccessLogOptions options_;
    const snapshot::DetailSet wanted_;
    snapshot::Totals& totals_;
    std::shared_ptr<LogWriter> writer_;  // its thread has it too
    std::thread thread_;
    std::future<void> ended_;
};

}  // namespace penstock::proxy
