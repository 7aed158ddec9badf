// The listening sockets that systemd passes to a process that it starts (sd_listen_fds(3)), by what
// they are for.
//
// Start-up, main thread.
#pragma once

#include <optional>
#include <vector>

namespace penstock::app {

struct SystemdSockets {
    std::vector<int> http;  // those named otherwise, too
    std::vector<int> https;
    std::optional<int> admin;

    bool has_clients() const noexcept { return !http.empty() || !https.empty(); }
};

/// By FileDescriptorName= (LISTEN_FDNAMES): "http", "https", "admin". Empty where none was passed
/// to this process. From now on no program that it starts inherits them.
SystemdSockets sockets_from_systemd();

/// All that was passed to this process, whatever it is.
std::vector<int> fds_from_systemd();

/// Whether the descriptor is a socket that listens.
bool is_listening(int fd) noexcept;

}  // namespace penstock::app
