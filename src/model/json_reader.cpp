#include "model/json_reader.hpp"

#include <algorithm>
#include <concepts>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "model/auth_provider_fields.hpp"
#include "model/units.hpp"

namespace penstock::model {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;
using std::chrono::milliseconds;

/// A value's place in its document, and where complaints about it go.
struct Place {
    std::string pointer;
    FieldErrors& errors;

    void refuse(std::string detail) const { errors.push_back({pointer, std::move(detail)}); }
    void expected(std::string_view what, element value) const {
        refuse(fmt::format("must be {}, not {}", what, kind_of(value)));
    }
    Place child(std::string_view name) const { return {child_pointer(pointer, name), errors}; }
    Place child(std::size_t index) const { return {child_pointer(pointer, index), errors}; }
};

void read(element value, const Place& place, std::string& out) {
    std::string_view text;
    if (value.get(text) != SUCCESS) return place.expected("a string", value);
    out = text;
}

void read(element value, const Place& place, bool& out) {
    if (value.get(out) != SUCCESS) place.expected("true or false", value);
}

void read(element value, const Place& place, double& out) {
    if (value.get(out) != SUCCESS) place.expected("a number", value);
}

template <std::unsigned_integral U>
void read_integer(element value, const Place& place, std::uint64_t most, U& out) {
    std::uint64_t number = 0;
    if (value.get(number) == SUCCESS && number <= most) {
        out = static_cast<U>(number);
    } else if (value.is_number()) {
        place.refuse(fmt::format("must be a whole number from 0 to {}", most));
    } else {
        place.expected("a whole number", value);
    }
}

template <std::unsigned_integral U>
void read(element value, const Place& place, U& out) {
    read_integer(value, place, std::numeric_limits<U>::max(), out);
}

/// The model's 64-bit numbers are bytes: a number, or a size as people write it.
void read(element value, const Place& place, std::uint64_t& out) {
    std::string_view text;
    if (value.get(text) != SUCCESS) return read_integer(value, place, INT64_MAX, out);
    const auto size = parse_size(text);
    if (!size) return place.refuse(size.error().message);
    out = *size;
}

void read(element value, const Place& place, milliseconds& out) {
    std::string_view text;
    std::uint64_t number = 0;
    if (value.get(number) == SUCCESS) {
        return place.refuse(
            fmt::format(R"(a duration needs a unit: "{}ms" or "{}s"?)", number, number));
    }
    if (value.get(text) != SUCCESS)
        return place.expected(R"(a duration such as "500ms", "60s" or "5m")", value);
    const auto duration = parse_duration(text);
    if (!duration) return place.refuse(duration.error().message);
    out = *duration;
}

template <class E>
requires std::is_enum_v<E>
void read(element value, const Place& place, E& out) {
    std::string_view text;
    if (value.get(text) != SUCCESS) return place.expected("a string", value);
    std::string choices;
    for (const auto& [named, name] : names_of(out)) {
        if (name == text) {
            out = named;
            return;
        }
        choices += choices.empty() ? "" : ", ";
        choices += name;
    }
    place.refuse(fmt::format("must be one of {}", choices));
}

/// Fresh, of the type that is named.
void read(element value, const Place& place, AuthProviderConfig::Method& out) {
    std::string_view text;
    if (value.get(text) != SUCCESS) return place.expected("a string", value);
    std::string choices;
    for (const AuthType& type : auth_types) {
        if (type.name == text) {
            out = type.fresh;
            return;
        }
        choices += choices.empty() ? "" : ", ";
        choices += type.name;
    }
    place.refuse(fmt::format("must be one of {}", choices));
}

using FieldValues = std::map<std::string, std::optional<std::string>>;

void read(element value, const Place& place, FieldValues& out) {
    object members;
    if (value.get(members) != SUCCESS) return place.expected("an object", value);
    for (const auto [name, member] : members) {
        std::string_view text;
        if (member.is_null())
            out[std::string(name)] = std::nullopt;
        else if (member.get(text) == SUCCESS)
            out[std::string(name)] = std::string(text);
        else
            place.child(name).expected("a string or null", member);
    }
}

/// Visits an object's fields once each, then knows which members nobody asked for.
class ObjectReader {
  public:
    ObjectReader(object members, const Place& place) : members_(members), place_(place) {}

    template <class T>
    void operator()(std::string_view name, T& out, const About& = {}) {
        known_.push_back(name);
        element value;
        if (members_.at_key(name).get(value) == SUCCESS) read(value, place_.child(name), out);
    }
    template <class T>
    void secret(std::string_view name, T& out, const About& = {}) {
        (*this)(name, out);
    }
    template <class T>
    void accepted(std::string_view name, T& out, const About& = {}) {
        (*this)(name, out);
    }
    void jwks(std::string_view name, std::string& out, const About& = {}) {
        known_.push_back(name);
        element value;
        if (members_.at_key(name).get(value) != SUCCESS || value.is_null()) return;
        if (!value.is_object()) return place_.child(name).expected("an object", value);
        out = simdjson::minify(value);
    }
    void ignore(std::initializer_list<std::string_view> names) {
        known_.insert(known_.end(), names);
    }

    void refuse_unknown() const {
        for (const auto [name, value] : members_) {
            if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
                place_.child(name).refuse("unknown field");
            }
        }
    }

  private:
    object members_;
    const Place& place_;
    std::vector<std::string_view> known_;
};

/// The structures of the model: whatever visit_fields knows.
template <class T>
requires requires(T& t, ObjectReader& reader) {
    visit_fields(t, reader);
}
void read(element value, const Place& place, T& out) {
    object members;
    if (value.get(members) != SUCCESS) return place.expected("an object", value);
    ObjectReader reader(members, place);
    visit_fields(out, reader);
    // Run-time state: answers carry it, so that what GET gave can be PUT back.
    if constexpr (std::is_same_v<T, Backend>)
        reader.ignore({"isDead", "deadSince", "failureCount", "state"});
    // Which fields there are is not known before the type is.
    if constexpr (std::is_same_v<T, AuthProviderConfig>) {
        if (std::holds_alternative<std::monostate>(out.method)) return;
    }
    reader.refuse_unknown();
}

template <class T>
void read(element value, const Place& place, std::optional<T>& out) {
    if (value.is_null()) {
        out.reset();
        return;
    }
    T read_value = out.value_or(T{});
    read(value, place, read_value);
    out = std::move(read_value);
}

template <class T>
void read(element value, const Place& place, std::vector<T>& out) {
    simdjson::dom::array items;
    if (value.get(items) != SUCCESS) return place.expected("an array", value);
    out.clear();
    for (const element item : items) {
        T read_value{};
        read(item, place.child(out.size()), read_value);
        out.push_back(std::move(read_value));
    }
}

}  // namespace

RouteConfig read_route(element value, const std::string& pointer, FieldErrors& errors) {
    RouteConfig route;
    read(value, Place{pointer, errors}, route);
    return route;
}

Backend read_backend(element value, const std::string& pointer, FieldErrors& errors) {
    Backend backend;
    read(value, Place{pointer, errors}, backend);
    return backend;
}

CertificateConfig read_certificate(element value, const std::string& pointer, FieldErrors& errors) {
    CertificateConfig certificate;
    read(value, Place{pointer, errors}, certificate);
    return certificate;
}

AuthProviderConfig read_auth_provider(element value, const std::string& pointer,
                                      FieldErrors& errors) {
    AuthProviderConfig provider;
    read(value, Place{pointer, errors}, provider);
    return provider;
}

std::string_view kind_of(element value) noexcept {
    switch (value.type()) {
        case simdjson::dom::element_type::ARRAY:
            return "an array";
        case simdjson::dom::element_type::OBJECT:
            return "an object";
        case simdjson::dom::element_type::STRING:
            return "a string";
        case simdjson::dom::element_type::BOOL:
            return "a boolean";
        case simdjson::dom::element_type::NULL_VALUE:
            return "null";
        default:
            return "a number";
    }
}

}  // namespace penstock::model
