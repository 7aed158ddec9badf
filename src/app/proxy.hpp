// Proxy: the running process: listeners, workers, control thread, and the order in which they start
// and end.
//
// Behind ProxyManager (include/penstock). start() and stop() from one thread at a time; change()
// from any.
#pragma once

#include <memory>
#include <vector>

#include <penstock/result.hpp>

#include "app/control_thread.hpp"
#include "app/options.hpp"
#include "app/privileges.hpp"
#include "proxy/auth_threads.hpp"
#include "proxy/connection_limits.hpp"
#include "proxy/worker.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::app {

class Proxy {
  public:
    /// Wrong options come out where errors are asked for: at start().
    explicit Proxy(Result<Options> options);
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;
    ~Proxy();

    Result<void> start();
    void stop(bool (*hurry)());

    Result<void> change(const ControlThread::Change& change);
    std::vector<RouteConfig> routes();
    void on_event(ControlThread::Listener listener) { control_.on_event(std::move(listener)); }
    std::uint16_t port() const noexcept { return port_; }
    /// 0: it does not listen for TLS.
    std::uint16_t ssl_port() const noexcept { return ssl_port_; }

  private:
    /// A listening socket that ends with us, and with it the file of a Unix one.
    struct Listening {
        int fd = -1;
        std::string unix_path;
        bool inherited = false;  // others listen on it too, and go on
    };

    Result<io::Engine> choose_engine() const;
    std::optional<control::AdminTlsFiles> admin_tls_files() const;
    control::OwnAddresses own_addresses() const;
    Result<void> listen(std::size_t workers);
    Result<void> listen_for_clients(const ListenOn& where, bool is_tls, std::size_t workers);
    Result<void> listen_for_clients(const net::Address& address, bool is_tls, std::size_t workers);
    Result<void> start_workers(io::Engine engine,
                               const std::vector<std::optional<unsigned>>& places);
    void drain_workers(bool (*hurry)());
    static void close(std::vector<Listening>& listening);
    bool workers_finished() const;

    std::optional<Error> wrong_options_;
    Options options_;
    std::unique_ptr<proxy::ConnectionLimits> limits_;
    snapshot::Publisher publisher_;
    ControlThread control_;
    std::unique_ptr<proxy::AuthThreads> auth_threads_;  // outlives the workers' threads
    std::vector<std::unique_ptr<proxy::Worker>> workers_;
    std::vector<std::vector<proxy::ClientListener>>
        worker_listeners_;  // by worker; the fds are in client_listening_
    std::vector<Listening> client_listening_;
    std::vector<Listening> admin_listening_;
    PidFile pid_file_;
    std::uint16_t port_ = 0;
    std::uint16_t ssl_port_ = 0;
    bool running_ = false;
};

}  // namespace penstock::app
