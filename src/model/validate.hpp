// What a route may say: ranges, names, uniqueness (SPEC section 3), for routes from JSON and from
// an embedding program alike.
//
// Pure functions, any thread. Pointers are those of the route's JSON form, under `base`
// ("/routes/7" in a document).
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include <penstock/config.hpp>

#include "model/field_error.hpp"

namespace penstock::model {

inline constexpr std::size_t most_backends = 1'000;
inline constexpr std::uint32_t heaviest_backend = 1'000;
inline constexpr std::uint64_t most_weight =
    65'536;  ///< of a route, its weights reduced by their gcd
inline constexpr std::size_t longest_id = 128;
/// Names and values of a route's `headers`, and of its `responseHeaders`. With every placeholder at
/// its longest (an id of 128 bytes for 13) a head of ours still fits one large block.
inline constexpr std::size_t most_edit_bytes = 8 * 1024;
inline constexpr std::uint32_t most_retries = 10;
inline constexpr std::uint32_t most_fails = 1'000;
/// Between two probes of a dead backend, at least.
inline constexpr std::chrono::milliseconds shortest_recheck{100};
/// Requests are counted by the second, for a minute.
inline constexpr std::chrono::milliseconds shortest_circuit_window{1'000};
inline constexpr std::chrono::milliseconds longest_circuit_window{60'000};

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
