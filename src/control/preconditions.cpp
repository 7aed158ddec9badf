#include "control/preconditions.hpp"

#include <fmt/format.h>

#include "base/hash.hpp"
#include "control/problem.hpp"

namespace penstock::control {

namespace {

enum class Comparison { strong, weak };
enum class Part { all, configured };

/// A tag without its second part and its last quote.
std::string_view configured_part(std::string_view tag) {
    return tag.substr(0, tag.find_first_of(".\"", 1));
}

bool same(std::string_view a, std::string_view b, Part part) {
    return part == Part::all ? a == b : configured_part(a) == configured_part(b);
}

/// True where `list`, an If-Match or If-None-Match, names `tag`. Commas may stand inside a tag.
bool names(std::string_view list, std::string_view tag, Comparison comparison, Part part) {
    if (list == "*") return !tag.empty();
    std::size_t at = 0;
    while ((at = list.find('"', at)) != std::string_view::npos) {
        const std::size_t end = list.find('"', at + 1);
        if (end == std::string_view::npos) return false;
        const bool weak = at >= 2 && list.substr(at - 2, 2) == "W/";
        const bool comparable = comparison == Comparison::weak || !weak;
        if (comparable && same(list.substr(at, end + 1 - at), tag, part)) return true;
        at = end + 1;
    }
    return false;
}

}  // namespace

std::string entity_tag(std::string_view representation) {
    // Two hashes of different seeds: a collision would let a lost update pass.
    return fmt::format("\"{:016x}{:016x}\"", hash_bytes(representation, 1),
                       hash_bytes(representation, 2));
}

std::string entity_tag(std::string_view configured, std::string_view representation) {
    const std::string first = entity_tag(configured);
    const std::string second = entity_tag(representation);
    return first.substr(0, first.size() - 1) + '.' + second.substr(1);
}

std::optional<ApiResponse> failed_precondition(const ApiRequest& request, std::string_view tag) {
    const bool is_read = request.method == "GET" || request.method == "HEAD";
    const Part part = is_read ? Part::all : Part::configured;
    if (request.if_match && !names(*request.if_match, tag, Comparison::strong, part)) {
        return problem(http::Status::precondition_failed,
                       "It has changed meanwhile, or does not exist.");
    }
    if (!request.if_none_match || !names(*request.if_none_match, tag, Comparison::weak, part)) {
        return {};
    }
    if (!is_read) {
        return problem(http::Status::precondition_failed,
                       "It exists already, in the form that was named.");
    }
    ApiResponse response;
    response.status = http::Status::not_modified;
    response.fields.emplace_back("ETag", tag);
    return response;
}

ApiResponse represented(const ApiRequest& request, std::string json, std::string tag) {
    if (auto failed = failed_precondition(request, tag)) return *failed;
    ApiResponse response;
    response.fields.emplace_back("ETag", std::move(tag));
    response.body = std::move(json);
    return response;
}

ApiResponse represented(const ApiRequest& request, std::string json) {
    std::string tag = entity_tag(json);
    return represented(request, std::move(json), std::move(tag));
}

}  // namespace penstock::control
