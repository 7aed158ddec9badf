// Call: one request to the API, as its handler sees it.
//
// Control thread only; everything in it outlives the handler's run and nothing longer.
#pragma once

#include <string>
#include <string_view>

#include "control/configuration.hpp"
#include "control/message.hpp"
#include "control/upgrade.hpp"
#include "control/uri.hpp"

namespace penstock::control {

/// The decoded variable segments of the path.
struct PathParameters {
    std::string v_host;
    std::string id;
};

class EventFeed;
class Metrics;

struct Call {
    const ApiRequest& request;
    const PathParameters& path;
    const Query& query;
    Configuration& configuration;
    EventFeed& events;
    Metrics& metrics;
    const Caller& caller;
    bool ready = false;  // of /readyz
    RequestUpgrade upgrade{};

    /// What a write is to do, by ?dryRun, and in whose name.
    Configuration::Order order() const { return {mode(), caller.name}; }
    Configuration::Mode mode() const {
        const auto at = query.find("dryRun");
        const bool check = at != query.end() && at->second == "true";
        return check ? Configuration::Mode::check : Configuration::Mode::apply;
    }
};

using Handler = ApiResponse (*)(const Call&);

}  // namespace penstock::control
