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

#include "snapshot/live_state.hpp"

namespace penstock::snapshot {

/// Names a backend to the workers after its BackendLive is freed.
struct BackendName {
    std::uint32_t id = 0;
    std::uint32_t generation = 0;

    bool operator==(const BackendName&) const = default;
};

class LiveRegistry {
  public:
    using BackendGone = std::function<void(BackendName)>;

    /// Called for each backend that is freed, so that workers can close what they pool for it.
    void on_backend_gone(BackendGone callback) { backend_gone_ = std::move(callback); }

    /// One more reference to the state of this identity, made where there is none. Never null; each
    /// call is balanced by a release.
    RouteLive* hold_route(std::string_view v_host);
    BackendLive* hold_backend(std::string_view v_host, std::string_view authority);

    void release_route(std::string_view v_host);
    void release_backend(std::string_view v_host, std::string_view authority);

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
    Table<BackendLive> backends_;             // by backend_key()
    std::vector<std::uint32_t> generations_;  // of each backend id ever given
    std::vector<std::uint32_t> free_ids_;
    BackendGone backend_gone_;
};

}  // namespace penstock::snapshot
