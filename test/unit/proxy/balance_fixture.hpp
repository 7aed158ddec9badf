// Routes as the data path sees them, compiled from a list of weights, to balance over without a
// loop or a connection.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/balance/balancer.hpp"
#include "snapshot/compile.hpp"

namespace balance_test {

using namespace penstock;

using Shares = std::map<std::string, int, std::less<>>;  // requests by backend id

/// A route with backends "0", "1", … at 10.0.0.1, 10.0.0.2, …
class BalancedRoute {
  public:
    BalancedRoute(BalancingStrategy strategy, const std::vector<unsigned>& weights) {
        config_.id = config_.v_host = "balanced.example";
        config_.strategy = strategy;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const std::string host =
                "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
            config_.backends.push_back({.id = std::to_string(i),
                                        .hostname = host,
                                        .port = 80,
                                        .weight = static_cast<std::uint32_t>(weights[i])});
        }
        publish();
    }
    ~BalancedRoute() {
        for (const auto& route : versions_) snapshot::release_live(*route, registry_);
    }
    BalancedRoute(const BalancedRoute&) = delete;
    BalancedRoute& operator=(const BalancedRoute&) = delete;

    /// Once more, with what is alive now and what has been changed in config().
    void publish() {
        std::vector<snapshot::BackendState> states;
        for (const Backend& backend : config_.backends) {
            states.push_back(snapshot::state_of_literal(backend));
            states.back().in_maintenance = dead_.contains(backend.id);
        }
        versions_.push_back(snapshot::compile(config_, states, registry_));
    }
    RouteConfig& config() { return config_; }

    /// Without publishing: as the workers see a death before the control thread has heard of it.
    void kill(std::string_view id) {
        dead_[std::string(id)] = 1;
        upstream(id).live->health.set_maintenance(true);
    }
    void revive(std::string_view id) {
        dead_.erase(std::string(id));
        upstream(id).live->health.set_maintenance(false);
    }

    const snapshot::Route& route() const { return *versions_.back(); }
    const snapshot::Upstream& upstream(std::string_view id) const {
        for (const auto& upstream : route().upstreams) {
            if (upstream.id == id) return upstream;
        }
        throw std::out_of_range(std::string(id));
    }

    /// The id of who is picked; "none" for nobody.
    std::string pick(const proxy::Choice& choice) const {
        const snapshot::Upstream* upstream = proxy::pick_upstream(route(), choice);
        return upstream == nullptr ? "none" : upstream->id;
    }

  private:
    RouteConfig config_;
    snapshot::LiveRegistry registry_;
    std::vector<std::unique_ptr<snapshot::Route>> versions_;
    Shares dead_;
};

}  // namespace balance_test
