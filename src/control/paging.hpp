// A page of a list that answers give in order of its keys: ?after= and ?limit=, and
// ?match= for those only whose key has these characters somewhere in it.
//
// Control thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "control/call.hpp"
#include "control/preconditions.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

/// How many items a page has: unless the query says, and at most.
struct PageLimit {
    std::uint64_t usual = UINT64_MAX;
    std::uint64_t most = UINT64_MAX;
};

/// Calls `write` with each item of the page that the query asks for, which the router has found
/// well-formed. Returns how many items there are on all pages.
template <class Map, class Write>
std::size_t visit_page(const Call& call, const Map& all, PageLimit limits, Write write) {
    const auto after = call.query.find("after");
    const auto limit = call.query.find("limit");
    const auto match = call.query.find("match");
    const std::string part = match == call.query.end() ? std::string() : to_lower(match->second);
    const auto fits = [&](const auto& item) { return item.first.find(part) != std::string::npos; };
    auto left = limit == call.query.end() ? limits.usual : *parse_decimal(limit->second);
    left = std::min(left, limits.most);
    auto at = after == call.query.end() ? all.begin() : all.upper_bound(after->second);
    for (; at != all.end() && left > 0; ++at) {
        if (!fits(*at)) continue;
        write(*at);
        --left;
    }
    if (part.empty()) return all.size();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), fits));
}

/// The answer to GET of a whole list: its page, item by item by `write(out, key and value)`, and
/// how many there are in all.
template <class Map, class Write>
ApiResponse list_of(const Call& call, const Map& all, Write write) {
    std::string json;
    std::size_t count = 0;
    {
        model::JsonList list(json);
        count = visit_page(call, all, {}, [&](const auto& item) { write(list.next(), item); });
    }
    ApiResponse response = represented(call.request, std::move(json));
    response.fields.emplace_back("X-Total-Count", std::to_string(count));
    return response;
}

}  // namespace penstock::control
