// A page of a list that answers give in order of its keys: ?after= and ?limit=.
//
// Control thread only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "control/call.hpp"
#include "control/preconditions.hpp"
#include "model/json_writer.hpp"

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

/// The answer to GET of a whole list: its page, item by item by `write(out, key and value)`, and
/// how many there are in all.
template <class Map, class Write>
ApiResponse list_of(const Call& call, const Map& all, Write write) {
    auto [at, left] = page_of(call, all, UINT64_MAX);
    std::string json;
    {
        model::JsonList list(json);
        for (; at != all.end() && left > 0; ++at, --left) write(list.next(), *at);
    }
    ApiResponse response = represented(call.request, std::move(json));
    response.fields.emplace_back("X-Total-Count", std::to_string(all.size()));
    return response;
}

}  // namespace penstock::control
