// ProxyManager: the whole proxy inside another program (SPEC section 13).
//
//   penstock::ProxyManager proxy{{.port = 8080, .ssl_port = 8443}};
//   if (auto started = proxy.start(); !started) return fail(started.error().message);
//   auto added = proxy.router().add_route({.v_host = "a.example", .backends = {{.hostname =
//   "127.0.0.1", .port = 3000}}});
//
// All calls may come from any thread, but start() and stop() from one at a time. A call that
// changes routes returns when the change is seen by the next request on every worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/auth_callback.hpp>
#include <penstock/auth_provider.hpp>
#include <penstock/config.hpp>
#include <penstock/events.hpp>
#include <penstock/result.hpp>

namespace penstock {

namespace app {
struct Options;
class Proxy;
}  // namespace app

/// What an embedding program chooses; the defaults are the command line's but for the store's.
struct ProxyOptions {
    std::uint16_t port = 8080;  ///< plain HTTP; 0: a free one, see ProxyManager::port()
    std::string address = "0.0.0.0";
    std::optional<std::uint16_t> ssl_port;  ///< TLS, on the same address; 0: a free one
    std::string admin;     ///< the REST API: "127.0.0.1:9080" or "unix:/path"; empty: none
    unsigned workers = 0;  ///< 0: one for each CPU that the process may use
    std::chrono::milliseconds drain_timeout{30'000};
    /// Where routes and certificates live: "sqlite:PATH", or "memory:" for as long as the proxy.
    std::string store = "memory:";
};

/// The routes, certificates and auth providers of a running proxy.
class Router {
  public:
    /// Fails where the vHost, an alias or the id is taken, or a field is wrong (the message names
    /// them all).
    Result<void> add_route(const RouteConfig& route);
    /// Adds the route, or replaces the one of the same vHost.
    Result<void> set_route(const RouteConfig& route);
    /// Fails where there is no such route.
    Result<void> remove_route(std::string_view v_host);
    /// Adds the certificate to those of its domain, or takes the place of one of the same kind of
    /// key there: the next handshake uses it, connections go on. Fails where it does not parse, its
    /// key does not fit, it has expired or is for other names (the message says which).
    Result<void> add_certificate(const CertificateConfig& certificate);
    /// All of the domain. Fails where it has none.
    Result<void> remove_certificates(std::string_view domain);
    /// Adds the provider, or replaces the one of the same id and what routes ask with it. Users and
    /// tokens without their secret keep that of the same name. Fails where a field is wrong.
    Result<void> set_auth_provider(const AuthProviderConfig& provider);
    /// Fails where there is no such provider, and while a route names it.
    Result<void> remove_auth_provider(std::string_view id);
    /// Adds or replaces a provider that is the program itself; requests that wait for the earlier
    /// one still hear of it. Fails where the id is empty or a stored provider's, or there is no
    /// function.
    Result<void> set_auth_callback(AuthCallback callback);
    /// From now on nobody passes to routes that name it. Fails where there is no such callback.
    Result<void> remove_auth_callback(std::string_view id);
    /// All routes as they are now, by vHost; without their private keys. A route that is set again
    /// without its key keeps it.
    std::vector<RouteConfig> routes() const;

  private:
    friend class ProxyManager;
    explicit Router(app::Proxy& proxy) noexcept : proxy_(&proxy) {}

    app::Proxy* proxy_;
};

class ProxyManager {
  public:
    explicit ProxyManager(const ProxyOptions& options);
    /// For the penstock program itself: everything that its command line can say.
    explicit ProxyManager(const app::Options& options);
    ProxyManager(const ProxyManager&) = delete;
    ProxyManager& operator=(const ProxyManager&) = delete;
    /// Stops at once where stop() has not been called.
    ~ProxyManager();

    /// Binds, applies the configuration file, starts all threads. Fails with one line that says
    /// what and why.
    Result<void> start();
    /// Stops accepting; requests that run may finish, for at most the drain time-out. `hurry`,
    /// asked every few milliseconds, ends the waiting when it returns true.
    void stop(const std::function<bool()>& hurry = {});

    /// The access log's file is opened anew under its name, which may be another file by now: what
    /// the program does on SIGUSR1. Between start() and stop().
    void reopen_logs();

    /// Calls `callback` for each event from now on, until the proxy is destroyed; several callbacks
    /// in the order in which they were given. To be told of everything, before start(); not while
    /// start() or stop() runs.
    ///
    /// Callbacks run on the proxy's control thread, one at a time. One that takes long holds up the
    /// API, other callbacks and the search for backends that live again, but no request. It may
    /// read routes; it can neither change them (that fails) nor start or stop the proxy: leave such
    /// work to a thread of your own. What it throws is logged and goes no further.
    void on_event(std::function<void(const Event&)> callback);

    /// After start(): the port that the first plain listener is bound to; 0 for a Unix socket.
    std::uint16_t port() const noexcept;
    /// The same of the first listener for TLS; 0 where there is none.
    std::uint16_t ssl_port() const noexcept;
    /// After start().
    Router& router() noexcept { return router_; }

  private:
    std::unique_ptr<app::Proxy> proxy_;
    Router router_;
};

}  // namespace penstock
