#include "net/listen.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::net {

namespace {

constexpr int backlog = 4'096;  // the kernel cuts it to net.core.somaxconn

/// A socket file that nobody listens on any more stands in the way of bind().
void remove_stale(const Address& address) {
    const std::string path = address.endpoint().substr(5);
    struct stat status {};
    // Connecting to a file that is no socket is refused as well.
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return;
    const bool dead =
        ::connect(probe, address.data(), address.size()) != 0 && errno == ECONNREFUSED;
    ::close(probe);
    if (dead) ::unlink(path.c_str());
}

Failure<Error> failed(const Address& address, int fd) {
    const std::string why = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return Failure{Error{"cannot listen on " + address.endpoint() + ": " + why}};
}

/// For sockets of clients, who speak first.
void share_out(int fd) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    // A connection is handed over with its first bytes: one wake-up where there were two
    // (docs/decisions/0009). One that stays silent is handed over after a second all the same.
    const int patience_s = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &patience_s, sizeof(patience_s));
}

/// The kernel takes io_uring's sockets back a moment after their process has ended: who is started
/// in its place, after a kill -9 say, waits for that rather than fail.
bool bind_patiently(int fd, const Address& address) {
    constexpr auto pause = std::chrono::milliseconds(10);
    constexpr int most_tries = 100;
    for (int tries = 1;; ++tries) {
        if (::bind(fd, address.data(), address.size()) == 0) return true;
        if (errno != EADDRINUSE || address.family() == AF_UNIX || tries == most_tries) return false;
        std::this_thread::sleep_for(pause);
    }
}

/// With the options that all of ours have; -1 where the kernel gives none.
int open_tcp(const Address& address, bool share) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (share) share_out(fd);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // accepted sockets inherit it
    if (address.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    return fd;
}

/// Bound, not yet listening.
Result<int> bind_to(const Address& address, bool share, UnixAccess access = UnixAccess::umask) {
    const bool is_unix = address.family() == AF_UNIX;
    const int fd =
        is_unix ? ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : open_tcp(address, share);
    if (fd < 0) return failed(address, fd);
    // The file that bind() makes has the socket's mode (unix(7) does not say so, the kernel's
    // unix_bind() does): no moment in which it is wider, and no umask changed under other threads.
    if (is_unix && access == UnixAccess::owner && ::fchmod(fd, 0600) != 0)
        return failed(address, fd);
    if (!bind_patiently(fd, address)) return failed(address, fd);
    return fd;
}

}  // namespace

Result<int> listen_on(const Address& address, UnixAccess access) {
    if (address.family() == AF_UNIX) remove_stale(address);
    auto fd = bind_to(address, false, access);
    if (!fd) return fd;
    if (::listen(*fd, backlog) != 0) return failed(address, *fd);
    return fd;
}

bool is_v6_only(int fd) noexcept {
    int only = 0;
    socklen_t size = sizeof(only);
    return ::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && only != 0;
}

Result<std::vector<int>> listen_shared(const Address& address, std::size_t count) {
    // A socket without SO_REUSEPORT meets whoever listens there already.
    auto probe = listen_on(address);
    if (!probe) return Failure{probe.error()};
    const Address bound = Address::local_of(*probe);
    ::close(*probe);
    std::vector<int> group;
    for (std::size_t i = 0; i < count; ++i) {
        auto fd = bind_to(bound, true);
        if (fd && ::listen(*fd, backlog) != 0) fd = failed(bound, *fd);
        if (!fd) {
            for (const int made : group) ::close(made);
            return Failure{fd.error()};
        }
        group.push_back(*fd);
    }
    return group;
}

void listen_beside(std::vector<int>& group, std::size_t count) {
    const Address bound = Address::local_of(group.front());
    for (std::size_t i = 0; i < count; ++i) {
        const int fd = open_tcp(bound, true);
        if (fd < 0) return;
        if (::bind(fd, bound.data(), bound.size()) != 0 || ::listen(fd, backlog) != 0) {
            ::close(fd);
            return;
        }
        group.push_back(fd);
    }
}

void ignore_newcomers(int fd) noexcept {
    // The filter sees a packet from its TCP header on (tcp_filter()); 13 is the byte of the flags.
    // What is no SYN belongs to a connection that has begun.
    constexpr std::uint32_t flags_at = 13;
    constexpr std::uint32_t syn = 0x02;
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const sock_fprog filter{.len = 4, .filter = program};
    ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

}  // namespace penstock::net
