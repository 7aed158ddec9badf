#include "net/ares_channel.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <sys/time.h>
#include <unistd.h>

namespace penstock::net {

namespace {

constexpr const char* resolv_conf_path = "/etc/resolv.conf";
/// The first try's; the second has twice that. One dead server costs less than a caller waits.
constexpr int try_milliseconds = 1'500;
constexpr int tries = 2;

/// c-ares must have been initialised once in the process, and never cleaned up while in use.
int library_status() {
    static const int status = ares_library_init(ARES_LIB_INIT_ALL);
    return status;
}

struct ::stat state_of_resolv_conf() {
    struct ::stat state {};
    if (::stat(resolv_conf_path, &state) != 0) state = {};
    return state;
}

/// False where it is there, but has been put out of our reach: replaced since Landlock took us in
/// (docs/hardening.md). c-ares would ask this machine instead.
bool may_read_resolv_conf() {
    const int fd = ::open(resolv_conf_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return fd >= 0 || errno == ENOENT;
}

std::string list_of(std::span<const Address> servers) {
    std::string list;
    for (const Address& server : servers) {
        if (!list.empty()) list += ',';
        list += server.endpoint();
    }
    return list;
}

}  // namespace

Result<std::unique_ptr<AresChannel>> AresChannel::open(std::span<const Address> servers) {
    int status = library_status();
    if (status != ARES_SUCCESS) return Failure{Error{ares_strerror(status)}};
    if (servers.empty() && !may_read_resolv_conf())
        return Failure{Error{std::string(resolv_conf_path) + ": " + std::strerror(errno)}};
    std::unique_ptr<AresChannel> made(new AresChannel);
    made->reads_resolv_conf_ = servers.empty();
    made->resolv_conf_ = state_of_resolv_conf();

    char lookups[] = "b";  // DNS alone: the hosts file is read by in_hosts_file()
    ares_options options{};
    options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES;
    options.timeout = try_milliseconds;
    options.tries = tries;
    options.lookups = lookups;
    options.sock_state_cb = &AresChannel::socket_changed;
    options.sock_state_cb_data = made.get();
    int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                ARES_OPT_SOCK_STATE_CB;
    if (!servers.empty()) {
        options.flags |= ARES_FLAG_NOSEARCH;  // heeded by newer c-ares; an empty list by 1.18
        given |= ARES_OPT_DOMAINS;
    }
#ifdef ARES_OPT_QUERY_CACHE
    given |= ARES_OPT_QUERY_CACHE;  // off (0): when to ask again is not the library's to decide
#endif
    status = ares_init_options(&made->channel_, &options, given);
    if (status == ARES_SUCCESS && !servers.empty())
        status = ares_set_servers_ports_csv(made->channel_, list_of(servers).c_str());
    if (status != ARES_SUCCESS) return Failure{Error{ares_strerror(status)}};
    return made;
}

AresChannel::~AresChannel() {
    if (channel_ != nullptr) ares_destroy(channel_);
}

std::vector<Address> AresChannel::in_hosts_file(const std::string& name, int family) {
    std::vector<Address> found;
    hostent* host = nullptr;
    if (ares_gethostbyname_file(channel_, name.c_str(), family, &host) != ARES_SUCCESS)
        return found;
    for (char** bytes = host->h_addr_list; *bytes != nullptr; ++bytes)
        found.push_back(Address::from_bytes(host->h_addrtype, *bytes));
    ares_free_hostent(host);
    return found;
}

void AresChannel::look_up(const std::string& name, int family, ares_addrinfo_callback callback,
                          void* argument) {
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, callback, argument);
}

void AresChannel::add_to(std::vector<pollfd>& polled) const {
    for (const auto& [fd, events] : sockets_) polled.push_back({fd, events, 0});
}

int AresChannel::patience() const {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return -1;
    return static_cast<int>(left.tv_sec * 1000 + (left.tv_usec + 999) / 1000);
}

void AresChannel::process(std::span<const pollfd> polled) {
    for (const pollfd& one : polled) {
        if (one.revents == 0 || !sockets_.contains(one.fd)) continue;
        const bool input = (one.revents & ~POLLOUT) != 0;
        const bool output = (one.revents & POLLOUT) != 0;
        ares_process_fd(channel_, input ? one.fd : ARES_SOCKET_BAD,
                        output ? one.fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

bool AresChannel::is_outdated() const {
    if (!reads_resolv_conf_) return false;
    const struct ::stat state = state_of_resolv_conf();
    const bool is_other = state.st_ino != resolv_conf_.st_ino ||
                          state.st_size != resolv_conf_.st_size ||
                          state.st_mtim.tv_sec != resolv_conf_.st_mtim.tv_sec ||
                          state.st_mtim.tv_nsec != resolv_conf_.st_mtim.tv_nsec;
    return is_other && may_read_resolv_conf();
}

void AresChannel::socket_changed(void* self, ares_socket_t fd, int readable, int writable) {
    auto& sockets = static_cast<AresChannel*>(self)->sockets_;
    const int events = (readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0);
    if (events == 0)
        sockets.erase(fd);
    else
        sockets[fd] = static_cast<short>(events);
}

}  // namespace penstock::net
