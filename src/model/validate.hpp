// What a route may say: ranges, names, uniqueness (SPEC section 3), for routes from JSON and from
// an embedding program alike.
//
// Pure functions, any thread. Pointers are those of the route's JSON form, under `base`
// ("/routes/7" in a document).
#pragma once

#include <span>
#include <string_view>

#include <penstock/config.hpp>

#include "model/field_error.hpp"
#include "model/limits.hpp"

namespace penstock::model {

/// Brings the route's names into canonical form and returns everything that is wrong with it,
/// conflicts inside the route included.
FieldErrors validate(RouteConfig& route, std::string_view base = "");

/// The same for a certificate's domain, and that nothing is missing; PEM is not looked at.
FieldErrors validate(CertificateConfig& certificate);

/// Gives a UUID to the route and to each backend that has no id yet.
void complete_ids(RouteConfig& route);

/// vHosts, aliases and ids that more than one route of a document claims. Pointers begin with
/// "/routes/<index>".
FieldErrors find_conflicts(std::span<const RouteConfig> routes);

/// The greatest common divisor of the weights above 0; 1 where there is none.
std::uint32_t weight_divisor(std::span<const Backend> backends) noexcept;

}  // namespace penstock::model
