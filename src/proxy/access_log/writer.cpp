#include "proxy/access_log/writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace penstock::proxy {

namespace {

/// Lines are collected up to here, then written.
constexpr std::size_t batch_bytes = 64 * 1024;
/// Between two looks at rings that something comes into: workers need not call meanwhile.
constexpr int nap_ms = 10;
/// A worker that puts something into its ring just as we fall asleep may not have seen that.
constexpr int longest_sleep_ms = 500;
/// Until a file that has failed is written to again.
constexpr int retry_ms = 200;

}  // namespace

// --- the workers ---

void LogWriter::Lane::put(const snapshot::RequestDetails& details,
                          snapshot::DetailSet wanted) noexcept {
    char* const room = ring_.reserve(snapshot::encoded_size(details, wanted));
    if (room != nullptr) {
        snapshot::encode(details, wanted, room);
        ring_.commit();
    } else {
        auto& dropped = totals_.log_lines_dropped;
        dropped.store(dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    const bool is_half_full = ring_.is_half_full();
    const bool is_urgent = is_half_full && !std::exchange(has_called_, is_half_full);
    has_called_ = is_half_full;
    if (is_urgent || (writer_.asleep_.load(std::memory_order_relaxed) &&
                      writer_.asleep_.exchange(false, std::memory_order_relaxed)))
        writer_.call();
}

/// Never waits: the counter of an eventfd does not fill up with ones.
void LogWriter::call() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(calls_, &one, sizeof(one));
}

// --- any thread ---

LogWriter::LogWriter(std::string target, LogFile file, LineFormat format,
                     std::shared_ptr<snapshot::Delivery> delivery)
    : target_(std::move(target)),
      file_(std::move(file)),
      format_(std::move(format)),
      delivery_(std::move(delivery)),
      calls_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    PENSTOCK_ASSERT(calls_ >= 0);
    lines_.reserve(batch_bytes + LineFormat::longest);
}

LogWriter::~LogWriter() {
    ::close(calls_);
}

LogWriter::Lane& LogWriter::add_lane(std::size_t ring_bytes, snapshot::WorkerTotals& totals) {
    lanes_.push_back(std::make_unique<Lane>(*this, ring_bytes, totals));
    return *lanes_.back();
}

void LogWriter::reopen() noexcept {
    wants_reopening_.store(true, std::memory_order_release);
    call();
}

void LogWriter::stop() noexcept {
    stopping_.store(true, std::memory_order_release);
    call();
}

// --- its own thread ---

void LogWriter::run() {
    TimePoint deadline = never;
    for (;;) {
        const bool stops = stopping_.load(std::memory_order_acquire);
        if (stops && deadline == never) deadline = Clock::now() + flush_limit;
        if (stops && (is_done() || Clock::now() >= deadline)) break;
        if (wants_reopening_.exchange(false, std::memory_order_acquire)) open_anew();
        const bool any = fill();
        const bool is_full = lines_.size() >= batch_bytes;
        const bool all = write_out();
        if (!stops) tell_of_drops();
        if (!all)
            await_room();
        else if (any && !is_full && !stops)
            await_call(nap_ms);
        else if (!any && !stops)
            sleep();
    }
    count_left();
}

bool LogWriter::is_done() noexcept {
    return lines_.empty() && std::all_of(lanes_.begin(), lanes_.end(),
                                         [](const auto& lane) { return lane->ring_.empty(); });
}

/// Takes a batch out of the rings, unless the last one is still to be written. False: there was
/// nothing.
bool LogWriter::fill() {
    if (!lines_.empty()) return true;
    for (bool any = true; any && lines_.size() < batch_bytes;) {
        any = false;
        for (const auto& lane : lanes_) {
            for (int taken = 0; taken < 64 && !lane->ring_.empty(); ++taken) {
                format_.append(lines_, snapshot::decode(lane->ring_.front()));
                lane->ring_.pop();
                ++count_;
                any = true;
                if (lines_.size() >= batch_bytes) return true;
            }
        }
    }
    return !lines_.empty();
}

/// False where the file does not take everything now.
bool LogWriter::write_out() noexcept {
    while (written_ < lines_.size()) {
        const auto done = file_.write(std::string_view(lines_).substr(written_));
        written_ += done.size;
        fault_ = done.error;
        if (fault_ != 0) return false;
    }
    delivery_->delivered.store(delivery_->delivered.load(std::memory_order_relaxed) + count_,
                               std::memory_order_relaxed);
    lines_.clear();
    written_ = 0;
    count_ = 0;
    return true;
}

void LogWriter::await_call(int limit_ms) noexcept {
    pollfd called{.fd = calls_, .events = POLLIN, .revents = 0};
    if (::poll(&called, 1, limit_ms) <= 0) return;
    std::uint64_t calls = 0;
    [[maybe_unused]] const ssize_t read = ::read(calls_, &calls, sizeof(calls));
}

/// Until the file takes something again, or it may be worth a try.
void LogWriter::await_room() noexcept {
    if (fault_ != EAGAIN) return await_call(retry_ms);
    std::array<pollfd, 2> either{{{.fd = calls_, .events = POLLIN, .revents = 0},
                                  {.fd = file_.fd(), .events = POLLOUT, .revents = 0}}};
    if (::poll(either.data(), either.size(), retry_ms) > 0 && either[0].revents != 0) await_call(0);
}

void LogWriter::sleep() noexcept {
    asleep_.store(true, std::memory_order_seq_cst);
    if (is_done()) await_call(longest_sleep_ms);
    asleep_.store(false, std::memory_order_relaxed);
}

void LogWriter::open_anew() {
    if (target_ == "-") return;
    write_out();  // what had been logged by then belongs into the old one
    auto opened = LogFile::open(target_);
    if (!opened) {
        log(LogLevel::error, "the access log cannot be opened again: the old file is kept",
            {{"file", target_}, {"reason", opened.error().message}});
        return;
    }
    file_ = std::move(*opened);
    if (written_ > 0 && lines_[written_ - 1] != '\n') {  // a line must not be torn
        written_ = lines_.find('\n', written_) + 1;
        --count_;
        delivery_->dropped.fetch_add(1, std::memory_order_relaxed);
    }
    log(LogLevel::info, "the access log has been opened again", {{"file", target_}});
}

/// At most once a second.
void LogWriter::tell_of_drops() {
    std::uint64_t dropped = delivery_->dropped.load(std::memory_order_relaxed);
    for (const auto& lane : lanes_)
        dropped += lane->totals_.log_lines_dropped.load(std::memory_order_relaxed);
    const bool has_failed = fault_ != 0 && fault_ != EAGAIN;
    if ((dropped == told_dropped_ && !has_failed) || !drop_limit_.allows(Clock::now())) return;
    log(LogLevel::warn,
        has_failed ? "the access log cannot be written" : "access log lines have been dropped",
        {{"file", target_},
         {"dropped", dropped - told_dropped_},
         {"droppedInAll", dropped},
         {"reason", has_failed         ? std::strerror(fault_)
                    : fault_ == EAGAIN ? "nobody reads them fast enough"
                                       : "they are not written fast enough"}});
    told_dropped_ = dropped;
}

void LogWriter::count_left() noexcept {
    const auto unwritten = static_cast<std::uint64_t>(
        std::count(lines_.begin() + static_cast<std::ptrdiff_t>(written_), lines_.end(), '\n'));
    delivery_->delivered.fetch_add(count_ - unwritten, std::memory_order_relaxed);
    left_ = unwritten;
    for (const auto& lane : lanes_) {
        for (; !lane->ring_.empty(); ++left_) {
            lane->ring_.front();
            lane->ring_.pop();
        }
    }
    delivery_->dropped.fetch_add(left_, std::memory_order_relaxed);
}

}  // namespace penstock::proxy
