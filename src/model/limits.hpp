// How much of what a configuration may hold.
//
// Constants.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

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
/// Idle connections of a worker and backend.
inline constexpr std::uint32_t largest_pool = 65'536;
inline constexpr std::uint32_t most_fails = 1'000;
/// Between two probes of a dead backend, at least.
inline constexpr std::chrono::milliseconds shortest_recheck{100};
/// Between the clock that dated a token and ours.
inline constexpr std::chrono::milliseconds longest_leeway = std::chrono::hours(1);
/// Of an auth hook.
inline constexpr std::chrono::milliseconds longest_hook_timeout{60'000};
inline constexpr std::chrono::milliseconds longest_cache_ttl{3'600'000};
/// Requests are counted by the second, for a minute.
inline constexpr std::chrono::milliseconds shortest_circuit_window{1'000};
inline constexpr std::chrono::milliseconds longest_circuit_window{60'000};

}  // namespace penstock::model
