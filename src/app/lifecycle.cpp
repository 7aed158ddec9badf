#include "app/lifecycle.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.hpp"

namespace penstock::app {

namespace {

using Kind = control::UpgradeOutcome::Kind;

constexpr const char* under_way = "An upgrade is under way already.";
constexpr const char* ending = "This process is ending.";

control::UpgradeOutcome refused(const char* why) {
    return {.kind = Kind::refused, .pid = 0, .detail = why};
}

}  // namespace

Lifecycle::Lifecycle(Proxy& proxy, const Signals& signals, const ServiceManager& manager,
                     const Program& program, std::chrono::milliseconds upgrade_limit)
    : proxy_(proxy),
      signals_(signals),
      manager_(manager),
      program_(program),
      upgrade_limit_(upgrade_limit),
      requested_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Lifecycle::~Lifecycle() {
    ::close(requested_fd_);
}

void Lifecycle::run() {
    manager_.ready(status());
    while (!ended_) {
        wait();
        take_signals();
        take_requests();
        follow_upgrade();
    }
    if (upgrade_) {
        upgrade_->abandon("this process is ending");
        end_upgrade({.kind = Kind::failed, .pid = 0, .detail = ending});
    }
    const std::lock_guard lock(mutex_);
    takes_requests_ = false;
    for (const auto& done : std::exchange(requests_, {})) done(refused(ending));
}

void Lifecycle::drain() {
    if (*ended_ == Ending::stopped) manager_.stopping();
    proxy_.stop([this] { return is_hurried(); });
}

/// By what signals say while it drains: that of the log is obeyed to the end.
bool Lifecycle::is_hurried() {
    bool hurried = false;
    while (const auto signal = signals_.next()) {
        hurried |= *signal == Signal::end;
        if (*signal == Signal::reopen_logs) proxy_.reopen_logs();
    }
    return hurried;
}

void Lifecycle::wait() const {
    std::array<pollfd, 3> watched{pollfd{signals_.fd(), POLLIN, 0},
                                  pollfd{requested_fd_, POLLIN, 0},
                                  pollfd{upgrade_ ? upgrade_->fd() : -1, POLLIN, 0}};
    int timeout = -1;
    if (upgrade_) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(upgrade_->deadline() - Clock::now());
        timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    ::poll(watched.data(), watched.size(), timeout);
}

void Lifecycle::take_signals() {
    while (const auto signal = signals_.next()) {
        switch (*signal) {
            case Signal::end:
                log(LogLevel::info, "draining: a second signal ends at once");
                ended_ = Ending::stopped;
                return;
            case Signal::upgrade:
                begin_upgrade({});
                break;
            case Signal::reopen_logs:
                proxy_.reopen_logs();
                break;
            case Signal::hang_up:
                log(LogLevel::info,
                    "SIGHUP changes nothing: the API does, and SIGUSR2 starts the program anew");
                break;
        }
    }
}

// --- upgrades ---

void Lifecycle::ask_for_upgrade(control::UpgradeDone done) {
    const std::lock_guard lock(mutex_);
    if (!takes_requests_) {
        done(refused(ending));
        return;
    }
    requests_.push_back(std::move(done));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(requested_fd_, &one, sizeof(one));
}

void Lifecycle::take_requests() {
    std::uint64_t count = 0;
    if (::read(requested_fd_, &count, sizeof(count)) != static_cast<ssize_t>(sizeof(count))) return;
    std::vector<control::UpgradeDone> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(requests_);
    }
    for (auto& done : taken) begin_upgrade(std::move(done));
}

void Lifecycle::begin_upgrade(control::UpgradeDone done) {
    if (upgrade_) {
        log(LogLevel::warn, "upgrade refused: one is under way");
        if (done) done(refused(under_way));
        return;
    }
    upgrade_done_ = std::move(done);
    manager_.reloading();
    upgrade_.emplace(proxy_, program_, upgrade_limit_);
    upgrade_->begin();
    if (upgrade_->state() == Upgrade::State::failed) return;  // follow_upgrade() says so
    log(LogLevel::info, "upgrade: a new process starts",
        {{"pid", upgrade_->pid()}, {"program", std::string_view(program_.path)}});
}

void Lifecycle::follow_upgrade() {
    if (!upgrade_) return;
    switch (upgrade_->advance()) {
        case Upgrade::State::under_way:
            return;
        case Upgrade::State::ready:
            complete_upgrade();
            return;
        case Upgrade::State::failed:
            log(LogLevel::error, "upgrade failed: this process goes on",
                {{"reason", std::string_view(upgrade_->reason())}});
            manager_.ready(status());
            end_upgrade({.kind = Kind::failed,
                         .pid = 0,
                         .detail = "The upgrade failed: " + upgrade_->reason()});
            return;
    }
}

void Lifecycle::complete_upgrade() {
    const pid_t pid = upgrade_->pid();
    upgrade_->hand_over();
    // Before it says anything itself: only the main process is listened to.
    manager_.replaced_by(pid, "Serving; an earlier process drains");
    upgrade_->let_begin();
    log(LogLevel::info, "upgrade: the new process serves, this one drains", {{"pid", pid}});
    end_upgrade({.kind = Kind::done, .pid = pid, .detail = {}});
    ended_ = Ending::replaced;
}

void Lifecycle::end_upgrade(const control::UpgradeOutcome& outcome) {
    upgrade_.reset();
    if (upgrade_done_) std::exchange(upgrade_done_, {})(outcome);
}

std::string Lifecycle::status() const {
    return fmt::format("Serving with {} workers", proxy_.workers());
}

}  // namespace penstock::app
