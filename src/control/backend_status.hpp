// What the backends of a route are doing, as the API's answers show it (SPEC section 3).
//
// Control thread only.
#pragma once

#include <string>
#include <vector>

#include <penstock/config.hpp>

#include "control/configuration.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

/// By place in the route's backends. A name with several addresses is dead only where all of them
/// are, since the first of them died; its failures are those of all. The route need not be
/// published as it is: a backend's state belongs to its vHost, host and port.
std::vector<model::BackendStatus> statuses_of(const Configuration& configuration,
                                              const RouteConfig& route);

/// A representation and its strong entity tag, "<configuration>" or, where a backend is anything
/// but alive and well, "<configuration>.<everything>".
///
/// Two parts, because the tag has two uses: If-None-Match on a read must notice a backend's death,
/// and If-Match on a write must not fail for it, since a write changes the configuration alone (see
/// preconditions.hpp).
struct Representation {
    std::string json;
    std::string tag;
};

Representation represent(const Configuration& configuration, const RouteConfig& route);
/// The backend stands in the route.
Representation represent(const Configuration& configuration, const RouteConfig& route,
                         const Backend& backend);

}  // namespace penstock::control
