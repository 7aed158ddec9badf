// LiveRegistry: hands out live state by identity, and keeps it while any version of a route refers
// to it.
//
// Control thread only. A route that is published anew finds the cursor and the backends it had; one
// that was deleted while requests are under way and comes back finds them too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "snapshot/backend_tls.hpp"
#include "snapshot/live_state.hpp"

namespace penstock::snapshot {

class LiveRegistry {
  public:
    using BackendGone = std::function<void(BackendName)>;

    /// How many workers will count in what is handed out; before the first hold.
    void set_workers(unsigned workers) noexcept { workers_ = workers; }

    /// Called for each backend that is freed, so that workers can close what they pool for it.
    void on_backend_gone(BackendGone callback) { backend_gone_ = std::move(callback); }

    /// One more reference to the state of this identity, made where there is none. Never null; each
    /// call is balanced by a release.
    RouteLive* hold_route(std::string_view v_host);
    /// `target`: host:port and, where the host is a name, the address behind it; under TLS, with
    /// its settings, under which alone what is known of a backend holds.
    BackendLive* hold_backend(std::string_view v_host, std::string_view target);

    void release_route(std::string_view v_host);
    void release_backend(std::string_view v_host, std::string_view target);

    /// What speaks TLS to backends; null for one without.
    std::shared_ptr<const BackendTls> tls_of(const Backend& backend) {
        return contexts_.of(backend);
    }

    /// The vHost of the route that the backend belongs to; empty where the backend is gone.
    std::string_view v_host_of(BackendName backend) const noexcept;

    std::size_t routes() const noexcept { return routes_.size(); }
    std::size_t backends() const noexcept { return backends_.size(); }

  private:
    template <class Live>
    struct Counted {
        std::unique_ptr<Live> live;
        std::uint32_t references = 0;
    };
    template <class Live>
    using Table = std::unordered_map<std::string, Counted<Live>>;

    Table<RouteLive> routes_;
    Table<BackendLive> backends_;  // by backend_key()
    /// By backend id; ids are used again.
    struct Identity {
        std::uint32_t generation = 0;
        std::string v_host;  // empty: free
    };
    std::vector<Identity> identities_;
    std::vector<std::uint32_t> free_ids_;
    ClientContexts contexts_;
    unsigned workers_ = 1;
    BackendGone backend_gone_;
};

}  // namespace penstock::snapshot
