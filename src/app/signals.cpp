#include "app/signals.hpp"

#include <cerrno>

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

namespace penstock::app {

namespace {

sigset_t ending_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    return set;
}

sigset_t all_signals() {
    sigset_t set = ending_signals();
    ::sigaddset(&set, SIGUSR1);
    ::sigaddset(&set, SIGUSR2);
    ::sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

Signals::Signals() {
    const sigset_t set = all_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() {
    ::close(fd_);
}

std::optional<Signal> Signals::next() const noexcept {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return {};
    switch (info.ssi_signo) {
        case SIGUSR1:
            return Signal::reopen_logs;
        case SIGUSR2:
            return Signal::upgrade;
        case SIGHUP:
            return Signal::hang_up;
        default:
            return Signal::end;
    }
}

bool another_ending_signal() {
    const sigset_t set = ending_signals();
    const timespec at_once{};
    return ::sigtimedwait(&set, nullptr, &at_once) > 0;
}

}  // namespace penstock::app
