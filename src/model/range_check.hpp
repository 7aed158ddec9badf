// The ranges of numbers and durations, as the lists of fields have them: a visitor for
// visit_fields() of route_fields.hpp and auth_provider_fields.hpp.
//
// One owner, one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "model/auth_provider_fields.hpp"
#include "model/findings.hpp"
#include "model/units.hpp"

namespace penstock::model {

class RangeCheck {
  public:
    RangeCheck(std::string at, Findings& findings) : at_(std::move(at)), findings_(findings) {}

    template <class T>
    void operator()(std::string_view name, const T& value, const About& about = {}) {
        check(child_pointer(at_, name), value, about);
    }
    template <class T>
    void secret(std::string_view name, const T& value, const About& about) {
        (*this)(name, value, about);
    }
    template <class T>
    void accepted(std::string_view name, const T& value, const About& about) {
        (*this)(name, value, about);
    }
    void jwks(std::string_view, const std::string&, const About&) {}

  private:
    template <std::unsigned_integral U>
    requires(!std::same_as<U, bool>) void check(const std::string& at, U value,
                                                const About& about) {
        const auto least = static_cast<std::uint64_t>(about.least);
        const auto most = static_cast<std::uint64_t>(about.most);
        if (value >= least && value <= most) return;
        const std::string_view verb = about.required && value == 0 ? "required:" : "must be";
        findings_.add(at, about.most == INT64_MAX
                              ? fmt::format("{} at least {}", verb, least)
                              : fmt::format("{} from {} to {}", verb, least, most));
    }
    void check(const std::string& at, std::chrono::milliseconds value, const About& about) {
        const std::chrono::milliseconds least(least_milliseconds(about));
        const std::chrono::milliseconds most(
            std::min<std::int64_t>(about.most, longest_duration.count()));
        if (value >= least && value <= most) return;
        findings_.add(at, fmt::format("must be from {} to {}", format_duration(least),
                                      format_duration(most)));
    }
    template <class T>
    void check(const std::string& at, const std::optional<T>& value, const About& about) {
        if (value) check(at, *value, about);
    }
    template <class T>
    void check(const std::string& at, const std::vector<T>& items, const About& about) {
        for (std::size_t i = 0; i < items.size(); ++i) check(child_pointer(at, i), items[i], about);
    }
    template <class T>
    requires requires(const T& object, RangeCheck& visit) { visit_fields(object, visit); }
    void check(const std::string& at, const T& object, const About&) {
        RangeCheck inside(at, findings_);
        visit_fields(object, inside);
    }
    // What has no range.
    void check(const std::string&, const std::string&, const About&) {}
    void check(const std::string&, bool, const About&) {}
    void check(const std::string&, double, const About&) {}
    void check(const std::string&, const std::map<std::string, std::optional<std::string>>&,
               const About&) {}
    template <class E>
    requires std::is_enum_v<E>
    void check(const std::string&, E, const About&) {}
    void check(const std::string&, const AuthProviderConfig::Method&, const About&) {}

    std::string at_;
    Findings& findings_;
};

}  // namespace penstock::model
