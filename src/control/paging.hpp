// A page of a list that answers give in order of its keys: ?after= and ?limit=.
//
// Control thread only.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "control/call.hpp"

namespace penstock::control {

/// From `at` on, at most `left`.
template <class Map>
struct Page {
    typename Map::const_iterator at;
    std::uint64_t left;
};

/// What the query asks for, which the router has found well-formed.
template <class Map>
Page<Map> page_of(const Call& call, const Map& all, std::uint64_t default_limit) {
    const auto after = call.query.find("after");
    const auto limit = call.query.find("limit");
    return {after == call.query.end() ? all.begin() : all.upper_bound(after->second),
            limit == call.query.end() ? default_limit : *parse_decimal(limit->second)};
}

}  // namespace penstock::control
