#include "app/systemd_sockets.hpp"

#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace penstock::app {

namespace {

constexpr int first_systemd_fd = 3;
constexpr std::uint64_t most_sockets = 1'024;

/// The part before the next ":", which is taken off `rest` together with it.
std::string_view take_name(std::string_view& rest) {
    const std::size_t colon = rest.find(':');
    const std::string_view name = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    return name;
}

}  // namespace

bool is_listening(int fd) noexcept {
    int listening = 0;
    socklen_t size = sizeof(listening);
    return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

std::vector<int> fds_from_systemd() {
    const char* const pid = std::getenv("LISTEN_PID");
    const char* const count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid) return {};
    std::vector<int> fds(parse_decimal(count, most_sockets).value_or(0));
    std::iota(fds.begin(), fds.end(), first_systemd_fd);
    return fds;
}

SystemdSockets sockets_from_systemd() {
    const char* const named = std::getenv("LISTEN_FDNAMES");
    std::string_view names = named != nullptr ? named : "";
    SystemdSockets sockets;
    for (const int fd : fds_from_systemd()) {
        const std::string_view name = take_name(names);
        if (!is_listening(fd)) continue;
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (name == "admin" && !sockets.admin)
            sockets.admin = fd;
        else
            (name == "https" ? sockets.https : sockets.http).push_back(fd);
    }
    return sockets;
}

}  // namespace penstock::app
