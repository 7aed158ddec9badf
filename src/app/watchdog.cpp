#include "app/watchdog.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.hpp"

namespace penstock::app {

namespace {

/// A loop is looked at so often before it counts as stuck.
constexpr int looks_before_stuck = 8;
constexpr Duration shortest_look = std::chrono::milliseconds(5);
/// What a thread that could run must have run of the time that counts against it.
constexpr int least_share = 4;  // a quarter
/// How long loops may take to come round for the first time, before they are watched.
constexpr auto first_round = std::chrono::seconds(1);
constexpr auto short_while = std::chrono::milliseconds(1);
/// How long the stuck thread may take to write its stack.
constexpr auto stack_time = std::chrono::seconds(1);
constexpr std::size_t deepest_stack = 128;

std::atomic<bool> stack_written{false};

int stack_signal() {
    return SIGRTMIN + 6;
}

/// In the stuck thread. Async-signal-safe once libgcc has been loaded (prepare_stacks()).
void write_stack(int) {
    std::array<void*, deepest_stack> frames{};
    const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
    stack_written.store(true, std::memory_order_release);
}

}  // namespace

/// A loop, and the question that it is asked: one at a time.
struct Watchdog::Loop : io::Message {
    Loop(std::string n, io::Mailbox& box, Duration l, std::function<bool()> e)
        : Message(&answer), name(std::move(n)), mailbox(box), limit(l), has_ended(std::move(e)) {}
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() {
        if (state_fd >= 0) ::close(state_fd);
    }

    /// On the loop's thread.
    static void answer(io::Message& message) {
        Loop& loop = static_cast<Loop&>(message);
        if (loop.thread.load(std::memory_order_relaxed) == 0) {
            ::pthread_getcpuclockid(::pthread_self(), &loop.cpu_clock);
            loop.thread.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_release);
        }
        loop.is_asked.store(false, std::memory_order_release);
    }

    Duration cpu_time() const noexcept {
        timespec used{};
        if (::clock_gettime(cpu_clock, &used) != 0) return {};
        return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
    }

    /// It waits for the system, which is no fault of its own: for a CPU (or has one), or for a disk
    /// or memory, uninterruptibly. As the kernel says, where it may be asked.
    bool waits_for_system() noexcept {
        if (state_fd < 0) {
            const std::string path = fmt::format("/proc/self/task/{}/stat", thread.load());
            state_fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        }
        std::array<char, 256> text{};
        const ssize_t size = state_fd >= 0 ? ::pread(state_fd, text.data(), text.size(), 0) : 0;
        const std::string_view line(text.data(),
                                    static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        const std::size_t name_end = line.rfind(") ");  // the name may hold anything
        if (name_end == std::string_view::npos || name_end + 2 >= line.size()) return false;
        const char state = line[name_end + 2];
        return state == 'R' || state == 'D';
    }

    const std::string name;
    io::Mailbox& mailbox;
    const Duration limit;
    const std::function<bool()> has_ended;
    std::atomic<bool> is_asked{false};
    std::atomic<pid_t> thread{0};  // what follows is set before it
    clockid_t cpu_clock{};
    int state_fd = -1;
    Duration unanswered{};  // time that counts
    Duration cpu_before{};
    bool answered_since_told = false;
};

Watchdog::Watchdog() = default;

Watchdog::~Watchdog() {
    stop();
}

void Watchdog::watch(std::string name, io::Mailbox& mailbox, Duration limit,
                     std::function<bool()> has_ended) {
    loops_.push_back(std::make_unique<Loop>(std::move(name), mailbox, limit, std::move(has_ended)));
}

void Watchdog::tell_alive(Duration period, std::function<void()> alive) {
    alive_period_ = period;
    alive_ = std::move(alive);
}

void Watchdog::start() {
    Duration shortest = alive_ ? alive_period_ : never - TimePoint{};
    for (const auto& loop : loops_) {
        if (loop->limit > Duration::zero()) shortest = std::min(shortest, loop->limit);
    }
    if (shortest == never - TimePoint{}) return;
    look_period_ = std::max(shortest / looks_before_stuck, shortest_look);
    meet_all();
    told_alive_ = Clock::now();
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "penstock-dog");
        run();
    });
}

void Watchdog::ask(Loop& loop) {
    loop.is_asked.store(true, std::memory_order_relaxed);
    loop.mailbox.post(loop);
}

/// From then on it is known whose thread is whose.
void Watchdog::meet_all() {
    for (const auto& loop : loops_) {
        if (!loop->has_ended()) ask(*loop);
    }
    const auto all_known = [this] {
        return std::none_of(loops_.begin(), loops_.end(),
                            [](const auto& loop) { return loop->is_asked.load(); });
    };
    const TimePoint last = Clock::now() + first_round;
    while (!all_known() && Clock::now() < last) std::this_thread::sleep_for(short_while);
}

void Watchdog::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wakes_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
    TimePoint before = Clock::now();
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wakes_.wait_for(lock, look_period_, [this] { return stopping_; });
        if (stopping_) return;
        lock.unlock();
        const TimePoint now = Clock::now();
        // Where this thread has slept longer than it wanted to, the others may have, too.
        look(now, std::min<Duration>(now - before, look_period_));
        before = now;
        lock.lock();
    }
}

void Watchdog::look(TimePoint now, Duration counted) {
    for (const auto& loop : loops_) {
        if (loop->has_ended()) {
            loop->answered_since_told = true;
            continue;
        }
        look_at(*loop, counted);
    }
    tell(now);
}

void Watchdog::look_at(Loop& loop, Duration counted) {
    if (!loop.is_asked.load(std::memory_order_acquire)) {
        loop.answered_since_told = loop.answered_since_told || loop.thread.load() != 0;
        loop.unanswered = {};
        if (loop.thread.load() != 0) loop.cpu_before = loop.cpu_time();
        ask(loop);
        return;
    }
    if (loop.thread.load() != 0) {
        const Duration cpu = loop.cpu_time();
        const Duration used = cpu - std::exchange(loop.cpu_before, cpu);
        // It wants to run, and may not: what it has had counts.
        const bool is_starved = used * least_share < counted && loop.waits_for_system();
        loop.unanswered += is_starved ? used : counted;
    } else {
        loop.unanswered += counted;
    }
    if (loop.limit > Duration::zero() && loop.unanswered >= loop.limit && stuck_)
        stuck_({.name = loop.name, .thread = loop.thread.load(), .since = loop.unanswered});
}

void Watchdog::tell(TimePoint now) {
    if (!alive_ || now - told_alive_ < alive_period_) return;
    // One that takes no longer than it may is alive.
    const bool all = std::all_of(loops_.begin(), loops_.end(), [](const auto& loop) {
        const bool has_time = loop->limit > Duration::zero() && loop->unanswered < loop->limit;
        return loop->answered_since_told || (has_time && loop->thread.load() != 0);
    });
    if (!all) return;
    for (const auto& loop : loops_) loop->answered_since_told = false;
    told_alive_ = now;
    alive_();
}

void prepare_stacks() {
    std::array<void*, 4> frames{};
    ::backtrace(frames.data(), static_cast<int>(frames.size()));  // loads libgcc
    struct sigaction action {};
    action.sa_handler = &write_stack;
    action.sa_flags = SA_RESTART;
    ::sigaction(stack_signal(), &action, nullptr);
}

void abort_with_stack(const Watchdog::Stuck& stuck) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(stuck.since);
    write_error_line(
        fmt::format("penstock: {} is stuck: for {} ms thread {} has not come round (--watchdog); "
                    "its stack, and the end:\n",
                    stuck.name, ms.count(), stuck.thread));
    const bool is_asked =
        stuck.thread != 0 && ::syscall(SYS_tgkill, ::getpid(), stuck.thread, stack_signal()) == 0;
    const TimePoint last = Clock::now() + stack_time;
    while (is_asked && !stack_written.load(std::memory_order_acquire) && Clock::now() < last)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (!stack_written.load(std::memory_order_acquire))
        write_error_line("penstock: it does not answer signals either: no stack\n");
    std::abort();
}

}  // namespace penstock::app
