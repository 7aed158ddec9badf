#include "model/supported.hpp"

#include <array>
#include <utility>

namespace penstock::model {

namespace {

/// The member at the end of a path of member pointers.
template <class T, class First, class... Rest>
const auto& member_at(const T& object, First first, Rest... rest) {
    if constexpr (sizeof...(rest) == 0)
        return object.*first;
    else
        return member_at(object.*first, rest...);
}

/// True where the member at Path is not what a fresh Whole holds there.
template <class Whole, auto... Path>
bool changed(const Whole& whole) {
    return !(member_at(whole, Path...) == member_at(Whole{}, Path...));
}

template <class Whole>
struct Unsupported {
    std::string_view pointer;
    bool (*asked_for)(const Whole&);
};

using Route = RouteConfig;

constexpr std::array route_table{
    Unsupported<Route>{"/authProvider", changed<Route, &Route::auth_provider>},
};

template <class Whole, std::size_t N>
void look_up(const Whole& whole, const std::array<Unsupported<Whole>, N>& table,
             const std::string& base, FieldErrors& errors) {
    for (const auto& entry : table) {
        if (!entry.asked_for(whole)) continue;
        errors.push_back(
            {base + std::string(entry.pointer), "not supported yet", FieldErrorKind::unsupported});
    }
}

}  // namespace

FieldErrors find_unsupported(const RouteConfig& route, std::string_view base) {
    FieldErrors errors;
    look_up(route, route_table, std::string(base), errors);
    return errors;
}

}  // namespace penstock::model
