#include "app/service_manager.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace penstock::app {

namespace {

/// A connected datagram socket; -1 where the manager gave no address, or nobody is there.
int connect_to_manager() {
    const char* const named = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = named != nullptr ? named : "";
    sockaddr_un address{};
    if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return -1;
    if (path.front() != '/' && path.front() != '@') return -1;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const bool is_abstract = path.front() == '@';
    if (is_abstract) address.sun_path[0] = '\0';
    // An abstract name has no end but its size; a path ends with a zero.
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                             (is_abstract ? 0 : 1));
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
    ::close(fd);
    return -1;
}

/// sd_watchdog_enabled(3): meant for this process where WATCHDOG_PID names it, or nobody.
std::optional<std::chrono::microseconds> period_of_watchdog() {
    const char* const period = std::getenv("WATCHDOG_USEC");
    const char* const pid = std::getenv("WATCHDOG_PID");
    if (period == nullptr || (pid != nullptr && std::to_string(::getpid()) != pid)) return {};
    const auto us = parse_decimal(period);
    if (!us || *us == 0) return {};
    return std::chrono::microseconds(*us);
}

}  // namespace

ServiceManager::ServiceManager() : fd_(connect_to_manager()) {
    if (fd_ >= 0) watchdog_period_ = period_of_watchdog();
}

ServiceManager::~ServiceManager() {
    if (fd_ >= 0) ::close(fd_);
}

void ServiceManager::tell(const std::string& lines) const {
    if (fd_ < 0) return;
    // What cannot be told must not stop what it tells of.
    [[maybe_unused]] const ssize_t sent = ::send(fd_, lines.data(), lines.size(), MSG_NOSIGNAL);
}

void ServiceManager::ready(std::string_view status) const {
    tell(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() const {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto us = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
    tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Starting the program anew", us));
}

void ServiceManager::replaced_by(pid_t main, std::string_view status) const {
    tell(fmt::format("MAINPID={}\nREADY=1\nSTATUS={}", main, status));
}

void ServiceManager::stopping() const {
    tell("STOPPING=1\nSTATUS=Draining");
}

void ServiceManager::alive() const {
    tell("WATCHDOG=1");
}

}  // namespace penstock::app
