// Listeners: the sockets that the process listens on: made, inherited or handed over, shared out
// among the workers, and ended or left to others.
//
// Main thread. The workers and the API use the descriptors and own none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "app/handover.hpp"
#include "app/options.hpp"
#include "net/address.hpp"
#include "proxy/worker.hpp"

namespace penstock::app {

class Listeners {
  public:
    Listeners() = default;
    Listeners(const Listeners&) = delete;
    Listeners& operator=(const Listeners&) = delete;
    ~Listeners();

    /// On all addresses of the options. Sockets of `handed` that listen there already are used, the
    /// others are closed.
    Result<void> bind(const Options& options, std::size_t workers,
                      std::vector<HandedSockets> handed = {});

    const std::vector<proxy::ClientListener>& of_worker(std::size_t index) const {
        return of_workers_[index];
    }
    int admin() const noexcept;  // -1: none
    /// Everything that is listened on, once each.
    std::vector<net::Address> addresses() const;
    /// Of the first for plain HTTP, of the first for TLS; 0: there is none, or it has no port.
    std::uint16_t port() const noexcept { return port_; }
    std::uint16_t ssl_port() const noexcept { return ssl_port_; }

    /// Those that a new process does not have by inheriting our descriptors, by name.
    std::vector<HandedSockets> to_hand_over() const;
    /// Those that it does: they came to us under these numbers, and go on so (fd:N, systemd's).
    std::vector<int> inherited() const;
    /// What has been taken over by name.
    const std::vector<std::string>& taken_over() const noexcept { return taken_over_; }
    /// Whoever had those that have been taken over accepts on them no more: they end with us.
    void own_all();
    /// Another process listens on these from now on: they do not end with us.
    void leave_to_successor(const std::vector<std::string>& names);

    /// Of those for clients that end with us: nobody who knocks from now on gets in; who has done
    /// so already, is still to be accepted. Returns their descriptors.
    std::vector<int> close_doors();
    /// Nothing accepts on them any more.
    void end_clients();
    void end_admin();

  private:
    struct Listening {
        std::string name;  // among processes that follow each other
        int fd = -1;
        std::string unix_path;       // empty: none that goes with it
        bool stays = false;          // others listen on it too, and go on
        bool is_taken_over = false;  // and until own_all() it stays
    };

    Result<void> listen_for_clients(const ListenOn& where, bool is_tls);
    Result<void> listen_on_address(const net::Address& address, bool is_tls);
    Result<void> listen_for_admin(const Options& options);
    Result<std::vector<int>> sockets_at(const net::Address& address, const std::string& name);
    std::vector<int> take_over(const std::string& name);
    void share_out(const std::vector<int>& fds, bool is_tls);
    static void end(std::vector<Listening>& all);

    std::vector<HandedSockets> handed_;
    std::vector<std::string> taken_over_;
    std::vector<Listening> clients_;
    std::vector<Listening> admin_;  // one at most
    std::vector<std::vector<proxy::ClientListener>> of_workers_;
    std::uint16_t port_ = 0;
    std::uint16_t ssl_port_ = 0;
};

}  // namespace penstock::app
