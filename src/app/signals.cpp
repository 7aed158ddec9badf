#include "app/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace penstock::app {

namespace {

sigset_t all_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP}) ::sigaddset(&set, signal);
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

}  // namespace penstock::app
