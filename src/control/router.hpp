// Router: from method and path to the handler, or to the 404 or 405 that says why there is none.
//
// Pure function over a constant table (router.cpp): the list of the API's endpoints is there, and
// /openapi.json is made from it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "control/call.hpp"

namespace penstock::control {

/// Query parameters that an endpoint takes; any other is refused, since a misspelt dryRun would
/// write.
enum class QueryUse : std::uint8_t { none, paging, dry_run, samples };

/// Of a request's body, in bytes, unless an endpoint takes more.
inline constexpr std::size_t usual_most_body = 1024 * 1024;

/// An endpoint for people and for programs that are made from /openapi.json.
struct Description {
    std::string_view name;  // unique: the operationId
    std::string_view summary;
    std::string_view takes = {};  // schemas of openapi.cpp; empty: no body
    std::string_view gives = {};
    std::array<unsigned, 2> statuses{200};             // of success; 0: there is one only
    std::string_view media_type = "application/json";  // of what it gives
};

struct Endpoint {
    std::string_view method;
    std::string_view pattern;  // ":vHost" and ":id" stand for one segment each
    Handler handler;
    Description description;
    QueryUse query = QueryUse::none;
    std::size_t most_body = usual_most_body;  // bytes
    bool shares_commit = true;  // a write that is in Configuration::begin_group()'s list
};

struct RouteMatch {
    const Endpoint* endpoint = nullptr;
    PathParameters parameters;
};

/// All that are built.
std::span<const Endpoint> all_endpoints() noexcept;

/// `path` is still percent-encoded and has no query. HEAD finds what GET does.
std::variant<RouteMatch, ApiResponse> find_endpoint(std::string_view method, std::string_view path);

/// True where the query holds nothing but what `use` allows, well-formed.
bool allows(QueryUse use, const Query& query);

}  // namespace penstock::control
