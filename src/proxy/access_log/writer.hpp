// The access log's own thread: takes what the workers have put into their rings, writes it as
// lines, and is the only one that ever waits for a disk or a reader.
//
// start(), reopen() and stop() are for other threads; lane(), to make them, for before start().
// While the file takes nothing, the lines stay in the rings; what then finds no room there has
// been dropped, and is counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <penstock/result.hpp>

#include "base/byte_ring.hpp"
#include "base/log.hpp"
#include "proxy/access_log/file.hpp"
#include "proxy/access_log/line.hpp"
#include "snapshot/totals.hpp"

namespace penstock::proxy {

class LogWriter {
  public:
    /// One worker's way to the thread.
    class alignas(64) Lane {
      public:
        Lane(LogWriter& writer, std::size_t ring_bytes, snapshot::WorkerTotals& totals)
            : writer_(writer), ring_(ring_bytes), totals_(totals) {}

        /// The worker's thread: a copy of what is wanted of `details`, or one more that is dropped.
        void put(const snapshot::RequestDetails& details, snapshot::DetailSet wanted) noexcept;

      private:
        friend class LogWriter;

        LogWriter& writer_;
        ByteRing ring_;
        snapshot::WorkerTotals& totals_;
        bool has_called_ = false;  // since the ring was last less than half full
    };

    LogWriter(std::string target, LogFile file, LineFormat format,
              std::shared_ptr<snapshot::Delivery> delivery);
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;
    ~LogWriter();

    Lane& add_lane(std::size_t ring_bytes, snapshot::WorkerTotals& totals);

    /// Before run().
    void give_to(uid_t user, gid_t group) noexcept { file_.give_to(user, group); }
    void run();
    /// The file of that name is opened again. Where that fails, the old one stays, and the log says
    /// so.
    void reopen() noexcept;
    /// run() returns when all has been written, or after flush_limit. The workers have ended.
    static constexpr std::chrono::milliseconds flush_limit{1'000};
    void stop() noexcept;
    /// What run() had to leave.
    std::uint64_t left() const noexcept { return left_; }

  private:
    void call() noexcept;
    void await_call(int limit_ms) noexcept;
    void await_room() noexcept;
    void sleep() noexcept;
    bool is_done() noexcept;
    bool fill();
    bool write_out() noexcept;
    void open_anew();
    void tell_of_drops();
    void count_left() noexcept;

    const std::string target_;
    LogFile file_;
    LineFormat format_;
    const std::shared_ptr<snapshot::Delivery> delivery_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    int calls_;  // eventfd

    std::string lines_;
    std::size_t written_ = 0;  // of lines_
    std::uint64_t count_ = 0;  // of the lines in it
    int fault_ = 0;            // the last write's errno
    std::uint64_t told_dropped_ = 0;
    std::uint64_t left_ = 0;
    LogLimit drop_limit_;

    std::atomic<bool> asleep_{false};
    std::atomic<bool> wants_reopening_{false};
    std::atomic<bool> stopping_{false};
};

}  // namespace penstock::proxy
