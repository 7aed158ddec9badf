#include "app/listeners.hpp"

#include <algorithm>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "net/listen.hpp"

namespace penstock::app {

namespace {

std::string path_of(const net::Address& address) {
    return address.family() == AF_UNIX ? address.endpoint().substr(5) : std::string();
}

}  // namespace

Listeners::~Listeners() {
    end_clients();
    end_admin();
    for (const HandedSockets& handed : handed_) {
        for (const int fd : handed.fds) ::close(fd);
    }
}

// --- making them ---

Result<void> Listeners::bind(const Options& options, std::size_t workers,
                             std::vector<HandedSockets> handed) {
    handed_ = std::move(handed);
    of_workers_.resize(workers);
    for (const ListenOn& where : options.http) {
        if (auto listening = listen_for_clients(where, false); !listening) return listening;
    }
    if (!clients_.empty()) port_ = net::Address::local_of(clients_.front().fd).port();
    const std::size_t plain = clients_.size();
    for (const ListenOn& where : options.https) {
        if (auto listening = listen_for_clients(where, true); !listening) return listening;
    }
    if (clients_.size() > plain) ssl_port_ = net::Address::local_of(clients_[plain].fd).port();
    if (auto listening = listen_for_admin(options); !listening) return listening;
    for (const HandedSockets& unwanted : handed_) {
        for (const int fd : unwanted.fds) ::close(fd);
    }
    handed_.clear();
    return {};
}

Result<void> Listeners::listen_for_clients(const ListenOn& where, bool is_tls) {
    if (const auto* address = std::get_if<net::Address>(&where))
        return listen_on_address(*address, is_tls);
    const int fd = std::get<int>(where);
    clients_.push_back({.name = {}, .fd = fd, .unix_path = {}, .stays = true});
    share_out({fd}, is_tls);
    return {};
}

Result<void> Listeners::listen_on_address(const net::Address& address, bool is_tls) {
    const std::string name = "client " + address.endpoint();
    const std::size_t taken_before = taken_over_.size();
    auto fds = sockets_at(address, name);
    if (!fds) return Failure{fds.error()};
    const bool is_taken = taken_over_.size() > taken_before;
    for (const int fd : *fds) {
        clients_.push_back({.name = name,
                            .fd = fd,
                            .unix_path = path_of(address),
                            .stays = is_taken,
                            .is_taken_over = is_taken});
    }
    share_out(*fds, is_tls);
    return {};
}

/// One for each worker where the kernel can share connections out among them (SO_REUSEPORT).
Result<std::vector<int>> Listeners::sockets_at(const net::Address& address,
                                               const std::string& name) {
    std::vector<int> fds = take_over(name);
    const std::size_t workers = of_workers_.size();
    if (address.family() == AF_UNIX) {
        if (!fds.empty()) return fds;
        const auto fd = net::listen_on(address);
        if (!fd) return Failure{fd.error()};
        return std::vector<int>{*fd};
    }
    if (fds.empty()) return net::listen_shared(address, workers);
    // More workers than before. Where the kernel grants no further socket (others' ports, or
    // another user's), workers share those that there are.
    if (fds.size() < workers) net::listen_beside(fds, workers - fds.size());
    return fds;
}

/// Each worker has one at least, and each socket has a worker.
void Listeners::share_out(const std::vector<int>& fds, bool is_tls) {
    const std::size_t workers = of_workers_.size();
    for (std::size_t i = 0; i < std::max(workers, fds.size()); ++i) {
        of_workers_[i % workers].push_back({.fd = fds[i % fds.size()], .is_tls = is_tls});
    }
}

Result<void> Listeners::listen_for_admin(const Options& options) {
    if (options.admin_fd) {
        admin_.push_back({.name = {}, .fd = *options.admin_fd, .unix_path = {}, .stays = true});
        return {};
    }
    if (options.admin.family() == AF_UNSPEC) return {};
    const std::string name = "admin " + options.admin.endpoint();
    std::vector<int> fds = take_over(name);
    const bool is_taken = !fds.empty();
    if (fds.empty()) {
        auto fd = net::listen_on(options.admin, net::UnixAccess::owner);
        if (!fd) return Failure{fd.error()};
        fds.push_back(*fd);
    }
    admin_.push_back({.name = name,
                      .fd = fds.front(),
                      .unix_path = path_of(options.admin),
                      .stays = is_taken,
                      .is_taken_over = is_taken});
    return {};
}

// --- from process to process ---

std::vector<int> Listeners::take_over(const std::string& name) {
    const auto found = std::find_if(handed_.begin(), handed_.end(),
                                    [&](const HandedSockets& one) { return one.name == name; });
    if (found == handed_.end()) return {};
    std::vector<int> fds = std::move(found->fds);
    handed_.erase(found);
    taken_over_.push_back(name);
    return fds;
}

std::vector<HandedSockets> Listeners::to_hand_over() const {
    std::vector<HandedSockets> all;
    for (const auto* listening : {&clients_, &admin_}) {
        for (const Listening& one : *listening) {
            if (one.name.empty()) continue;
            const auto found =
                std::find_if(all.begin(), all.end(),
                             [&](const HandedSockets& other) { return other.name == one.name; });
            if (found == all.end())
                all.push_back({one.name, {one.fd}});
            else
                found->fds.push_back(one.fd);
        }
    }
    return all;
}

std::vector<int> Listeners::inherited() const {
    std::vector<int> fds;
    for (const auto* listening : {&clients_, &admin_}) {
        for (const Listening& one : *listening) {
            if (one.name.empty()) fds.push_back(one.fd);
        }
    }
    return fds;
}

void Listeners::own_all() {
    for (auto* listening : {&clients_, &admin_}) {
        for (Listening& one : *listening) {
            if (std::exchange(one.is_taken_over, false)) one.stays = false;
        }
    }
}

void Listeners::leave_to_successor(const std::vector<std::string>& names) {
    for (auto* listening : {&clients_, &admin_}) {
        for (Listening& one : *listening) {
            const bool is_taken = std::find(names.begin(), names.end(), one.name) != names.end();
            one.stays = one.stays || is_taken;
        }
    }
}

// --- the end ---

std::vector<int> Listeners::close_doors() {
    std::vector<int> ending;
    for (Listening& one : clients_) {
        if (one.stays) continue;
        if (one.unix_path.empty())
            net::ignore_newcomers(one.fd);
        else
            ::unlink(std::exchange(one.unix_path, {}).c_str());
        ending.push_back(one.fd);
    }
    return ending;
}

void Listeners::end(std::vector<Listening>& all) {
    for (const Listening& listening : all) {
        // Takes effect at once, even while the kernel still winds down an accept on it.
        if (!listening.stays) ::shutdown(listening.fd, SHUT_RDWR);
        ::close(listening.fd);
        if (!listening.stays && !listening.unix_path.empty()) ::unlink(listening.unix_path.c_str());
    }
    all.clear();
}

void Listeners::end_clients() {
    end(clients_);
}

void Listeners::end_admin() {
    end(admin_);
}

int Listeners::admin() const noexcept {
    return admin_.empty() ? -1 : admin_.front().fd;
}

std::vector<net::Address> Listeners::addresses() const {
    std::vector<net::Address> bound;
    for (const auto* listening : {&clients_, &admin_}) {
        for (const Listening& one : *listening) {
            const net::Address address = net::Address::local_of(one.fd);
            if (std::find(bound.begin(), bound.end(), address) != bound.end()) continue;
            bound.push_back(address);
            // One on all addresses that was handed over may take both: ours take IPv6 alone.
            if (address.family() == AF_INET6 && address.host() == "::" && !net::is_v6_only(one.fd))
                bound.push_back(*net::Address::parse("0.0.0.0", address.port()));
        }
    }
    return bound;
}

}  // namespace penstock::app
