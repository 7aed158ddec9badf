#include "app/signals.hpp"

#include <cerrno>

#include <signal.h>
#include <time.h>

namespace penstock::app {

namespace {

sigset_t ending_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigaddset(&set, SIGINT);
    return set;
}

}  // namespace

void block_ending_signals() {
    const sigset_t set = ending_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void wait_for_ending_signal() {
    const sigset_t set = ending_signals();
    int signal = 0;
    while (::sigwait(&set, &signal) != 0) {
    }
}

bool another_ending_signal() {
    const sigset_t set = ending_signals();
    const timespec at_once{};
    return ::sigtimedwait(&set, nullptr, &at_once) > 0;
}

}  // namespace penstock::app
