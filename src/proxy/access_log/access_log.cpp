#include "proxy/access_log/access_log.hpp"

#include <utility>

#include <pthread.h>

#include "base/log.hpp"

namespace penstock::proxy {

namespace {

/// Beyond the writer's own limit: the kernel does not come back from a write.
constexpr std::chrono::milliseconds last_patience{1'000};

/// One worker's: which requests get a line.
class Sampler {
  public:
    explicit Sampler(std::uint32_t one_in) : one_in_(one_in) {}

    bool takes(const snapshot::RequestRecord& record) noexcept {
        if (one_in_ == 1) return true;
        const bool is_error = record.status >= 500 || record.outcome == snapshot::Outcome::aborted;
        return is_error || random_.below(one_in_) == 0;
    }

  private:
    std::uint32_t one_in_;
    Random random_;
};

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::open(const AccessLogOptions& options,
                                                   snapshot::Totals& totals) {
    auto file = LogFile::open(options.target);
    if (!file)
        return Failure{Error{"--access-log " + options.target + ": " + file.error().message}};
    AccessLogOptions complete = options;
    if (complete.fields.empty()) complete.fields = default_log_line_fields();
    return std::unique_ptr<AccessLog>(new AccessLog(complete, std::move(*file), totals));
}

AccessLog::AccessLog(const AccessLogOptions& options, LogFile file, snapshot::Totals& totals)
    : options_(options),
      wanted_(texts_of(options.fields)),
      totals_(totals),
      writer_(std::make_shared<LogWriter>(options.target, std::move(file),
                                          LineFormat(options.format, options.fields),
                                          totals.access_log)) {}

Subscription AccessLog::listen(RequestEvents& events, unsigned worker) {
    LogWriter::Lane& lane = writer_->add_lane(options_.ring_bytes, totals_.by_worker[worker]);
    return events.subscribe<snapshot::RequestDetails>(
        [&lane, wanted = wanted_,
         sampler = Sampler(options_.sample)](const snapshot::RequestDetails& details) mutable {
            if (sampler.takes(details.numbers.record)) lane.put(details, wanted);
        });
}

void AccessLog::start() {
    std::promise<void> ends;
    ended_ = ends.get_future();
    thread_ = std::thread([writer = writer_, ends = std::move(ends)]() mutable {
        ::pthread_setname_np(::pthread_self(), "penstock-log");
        writer->run();
        ends.set_value();
    });
}

AccessLog::~AccessLog() {
    if (!thread_.joinable()) return;
    writer_->stop();
    if (ended_.wait_for(LogWriter::flush_limit + last_patience) != std::future_status::ready) {
        log(LogLevel::error, "the access log does not come back from a write: left to the system",
            {{"file", options_.target}});
        thread_.detach();
        return;
    }
    thread_.join();
    if (writer_->left() > 0) {
        log(LogLevel::warn, "access log lines were left unwritten",
            {{"file", options_.target}, {"dropped", writer_->left()}});
    }
}

}  // namespace penstock::proxy
