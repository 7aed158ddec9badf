#include "ctl/interruption.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace penstock::ctl {

namespace {

constexpr std::array caught{SIGINT, SIGTERM};

int handlers_end = -1;  // of the pair of sockets

void on_signal(int) {
    const int kept = errno;
    const char byte = 0;
    // It may be full: then what it should say has been said.
    [[maybe_unused]] const auto sent =
        ::send(handlers_end, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
    errno = kept;
}

void handle_with(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    for (const int number : caught) ::sigaction(number, &action, nullptr);
}

}  // namespace

std::unique_ptr<Interruption> Interruption::install(io::Ring& ring) {
    PENSTOCK_ASSERT(handlers_end < 0);
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0)
        return nullptr;
    handlers_end = pair[1];
    std::unique_ptr<Interruption> made(new Interruption(ring, pair[0]));
    handle_with(&on_signal);
    return made;
}

Interruption::Interruption(io::Ring& ring, int fd) : ring_(ring), socket_(ring.adopt(fd)) {
    socket_.watch(this);
    socket_.expect_input();
}

Interruption::~Interruption() {
    handle_with(SIG_DFL);
    ::close(handlers_end);
    handlers_end = -1;
    socket_.watch(nullptr);
    socket_.close();
}

void Interruption::on_unawaited_input(io::Socket&) {
    has_come_ = true;
    if (call_ != nullptr) call_->interrupt();
}

bool Interruption::sleep(Duration duration) {
    const TimePoint end = Clock::now() + duration;
    while (!has_come_ && Clock::now() < end) {
        ring_.wait(end);
        ring_.run_ready();
    }
    return !has_come_;
}

}  // namespace penstock::ctl
