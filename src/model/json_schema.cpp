#include "model/json_schema.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "model/auth_provider_fields.hpp"
#include "model/json_writer.hpp"
#include "model/units.hpp"

namespace penstock::model {

namespace {

using std::chrono::milliseconds;

/// A member of an object as its schema is put together: an argument-dependent type, so that every
/// overload of describe() is found.
struct Property {
    JsonObject& object;
    const About& about;
    SchemaOf of = SchemaOf::whole;
};

/// What visit_fields() wants, for asking which types it knows.
struct Visitor {
    void operator()(std::string_view, const auto&, const About&) {}
    void secret(std::string_view, const auto&, const About&) {}
    void accepted(std::string_view, const auto&, const About&) {}
    void jwks(std::string_view, const auto&, const About&) {}
};

template <class T>
void write_properties(JsonObject& into, const T& object, SchemaOf of);

void write_type(const Property& property, std::string_view name, bool nullable) {
    if (nullable)
        property.object.key("type") += fmt::format(R"(["{}","null"])", name);
    else
        write_string(property.object.key("type"), name);
}

/// Of a field that may be left out.
void write_default(const Property& property, std::string_view json) {
    if (property.of == SchemaOf::whole && !property.about.required)
        property.object.key("default") += json;
}

void describe(const Property& property, const std::string&, bool nullable) {
    write_type(property, "string", nullable);
}

void describe(const Property& property, bool value, bool nullable) {
    write_type(property, "boolean", nullable);
    write_default(property, value ? "true" : "false");
}

void describe(const Property& property, double value, bool nullable) {
    write_type(property, "number", nullable);
    write_default(property, fmt::format("{}", value));
}

template <std::unsigned_integral U>
requires(!std::same_as<U, bool>) void describe(const Property& property, U value, bool nullable) {
    // The model's 64-bit numbers are bytes: "64m" is understood beside a number.
    if constexpr (std::same_as<U, std::uint64_t>)
        property.object.key("type") +=
            nullable ? R"(["integer","string","null"])" : R"(["integer","string"])";
    else
        write_type(property, "integer", nullable);
    property.object.key("minimum") += std::to_string(property.about.least);
    property.object.key("maximum") +=
        std::to_string(std::min(static_cast<std::uint64_t>(property.about.most),
                                std::uint64_t{std::numeric_limits<U>::max()}));
    write_default(property, std::to_string(value));
}

void describe(const Property& property, milliseconds value, bool nullable) {
    const milliseconds least(least_milliseconds(property.about));
    const milliseconds most(std::min<std::int64_t>(property.about.most, longest_duration.count()));
    write_type(property, "string", nullable);
    property.object.key("pattern") += R"("^[0-9]+(ms|s|m|h)$")";
    property.object.key("x-minimum") += fmt::format("\"{}\"", format_duration(least));
    property.object.key("x-maximum") += fmt::format("\"{}\"", format_duration(most));
    if (value >= least)  // that of an optional one is null
        write_default(property, fmt::format("\"{}\"", format_duration(value)));
}

template <class E>
requires std::is_enum_v<E>
void describe(const Property& property, E value, bool nullable) {
    write_type(property, "string", nullable);
    {
        JsonList list(property.object.key("enum"));
        for (const auto& [named, name] : names_of(value)) write_string(list.next(), name);
        if (nullable) list.next() += "null";
    }
    for (const auto& [named, name] : names_of(value)) {
        if (named == value) write_default(property, fmt::format("\"{}\"", name));
    }
}

void describe(const Property& property, const std::map<std::string, std::optional<std::string>>&,
              bool nullable) {
    write_type(property, "object", nullable);
    property.object.key("additionalProperties") += R"({"type":["string","null"]})";
}

/// The structures that have no schema of their own stand where they are used.
template <class T>
requires requires(const T& object, Visitor& visit) {
    visit_fields(object, visit);
}
void describe(const Property& property, const T& object, bool nullable) {
    write_type(property, "object", nullable);
    property.object.key("additionalProperties") += "false";
    write_properties(property.object, object, property.of);
}

void describe(const Property& property, const std::vector<std::string>&, bool nullable) {
    write_type(property, "array", nullable);
    property.object.key("items") += R"({"type":"string"})";
}

void describe(const Property& property, const std::vector<Backend>&, bool nullable) {
    write_type(property, "array", nullable);
    property.object.key("items") += R"({"$ref":"#/components/schemas/Backend"})";
    property.object.key("maxItems") += std::to_string(most_backends);
}

/// The type of an auth provider: which one it is decides what else there is.
void describe(const Property& property, const AuthProviderConfig::Method& method, bool) {
    write_string(property.object.key("const"), auth_types[method.index() - 1].name);
}

template <class T>
void describe(const Property& property, const std::vector<T>& items, bool nullable);

template <class T>
void describe(const Property& property, const std::optional<T>& value, bool) {
    describe(property, value.value_or(T{}), true);
}

/// The properties of an object, field by field.
class PropertiesWriter {
  public:
    PropertiesWriter(std::string& out, SchemaOf of) : properties_(out), of_(of) {}

    template <class T>
    void operator()(std::string_view name, const T& value, const About& about,
                    bool is_secret = false) {
        JsonObject schema(properties_.key(name));
        describe(Property{schema, about, of_}, value, of_ == SchemaOf::patch);
        write_string(schema.key("description"), about.what);
        if (is_secret) schema.key("writeOnly") += "true";
        if (about.required && !is_secret) required_.push_back(name);
    }
    template <class T>
    void secret(std::string_view name, const T& value, const About& about) {
        (*this)(name, value, about, true);
    }
    template <class T>
    void accepted(std::string_view name, const T& value, const About& about) {
        (*this)(name, value, about, true);
    }
    void jwks(std::string_view name, const std::string&, const About& about) {
        JsonObject schema(properties_.key(name));
        schema.key("type") += R"(["object","null"])";
        write_string(schema.key("description"), about.what);
    }
    JsonObject& properties() noexcept { return properties_; }
    const std::vector<std::string_view>& required() const noexcept { return required_; }

  private:
    JsonObject properties_;
    SchemaOf of_;
    std::vector<std::string_view> required_;
};

void write_required(JsonObject& into, const std::vector<std::string_view>& names, SchemaOf of) {
    if (names.empty() || of == SchemaOf::patch) return;
    JsonList list(into.key("required"));
    for (const std::string_view name : names) write_string(list.next(), name);
}

/// `more`: called with the properties, for those that are no fields of the model.
template <class T, class More>
void write_properties(JsonObject& into, const T& object, SchemaOf of, More more) {
    std::vector<std::string_view> required;
    {
        PropertiesWriter writer(into.key("properties"), of);
        visit_fields(object, writer);
        more(writer.properties());
        required = writer.required();
    }
    write_required(into, required, of);
}

template <class T>
void write_properties(JsonObject& into, const T& object, SchemaOf of) {
    write_properties(into, object, of, [](JsonObject&) {});
}

template <class T, class More>
void write_object(std::string& out, const T& object, SchemaOf of, More more) {
    JsonObject schema(out);
    write_string(schema.key("type"), "object");
    schema.key("additionalProperties") += "false";
    write_properties(schema, object, of, more);
}

/// Of structures without a schema of their own.
template <class T>
void describe(const Property& property, const std::vector<T>&, bool nullable) {
    write_type(property, "array", nullable);
    JsonObject items(property.object.key("items"));
    describe(Property{items, property.about, property.of}, T{}, false);
}

constexpr auto nothing_more = [](JsonObject&) {};

}  // namespace

void write_route_schema(std::string& out, SchemaOf of) {
    write_object(out, RouteConfig{}, of, nothing_more);
}

void write_backend_schema(std::string& out, SchemaOf of) {
    write_object(out, Backend{}, of, [](JsonObject& properties) {
        properties.key("isDead") += R"({"type":"boolean","readOnly":true})";
        properties.key("deadSince") +=
            R"({"type":["string","null"],"format":"date-time","readOnly":true})";
        properties.key("failureCount") += R"({"type":"integer","minimum":0,"readOnly":true})";
        properties.key("state") +=
            R"({"type":"string","enum":["alive","dead","maintenance"],"readOnly":true})";
    });
}

void write_auth_provider_schema(std::string& out) {
    JsonObject schema(out);
    JsonList alternatives(schema.key("oneOf"));
    for (const AuthType& type : auth_types) {
        AuthProviderConfig provider;
        provider.method = type.fresh;
        write_object(alternatives.next(), provider, SchemaOf::whole, nothing_more);
    }
}

void write_certificate_schema(std::string& out) {
    write_object(out, CertificateConfig{}, SchemaOf::whole, nothing_more);
}

}  // namespace penstock::model
