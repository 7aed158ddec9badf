// One flag's text to one value: small parsers, and how they are assigned with an error that names
// the flag.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "app/options.hpp"
#include "model/units.hpp"

namespace penstock::app {

Result<ListenOn> parse_listen(std::string_view text);
Result<std::uint16_t> parse_port(std::string_view text);
Result<net::Address> parse_admin(std::string_view text);
Result<net::Address> parse_resolver(std::string_view text);
Result<net::Network> parse_network(std::string_view text);
Result<std::string> parse_node_name(std::string_view text);
Result<unsigned> parse_workers(std::string_view text);
Result<Pinning> parse_pinning(std::string_view text);
/// Bytes; 0: no bound; empty: what there is.
Result<std::optional<std::uint64_t>> parse_memory(std::string_view text);
Result<EngineChoice> parse_engine(std::string_view text);
Result<SandboxChoice> parse_sandbox(std::string_view text);
Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);
Result<std::string> parse_store(std::string_view text);
/// With the path that collectors have, where it names none.
Result<std::string> parse_collector(std::string_view text);
/// A share of one, as 2^-32.
Result<std::uint64_t> parse_share(std::string_view text);

inline Failure<Error> bad_value(std::string_view flag, std::string_view text,
                                std::string_view why) {
    return Failure{Error{std::string(flag) + " " + std::string(text) + ": " + std::string(why)}};
}

template <class T>
void store(T& into, T value) {
    into = std::move(value);
}
template <class T>
void store(std::optional<T>& into, T value) {
    into = std::move(value);
}
template <class T>
void store(std::vector<T>& into, T value) {
    into.push_back(std::move(value));
}

template <class Into, class Value>
Result<void> assign(Into& into, const std::string& text, std::string_view flag,
                    Result<Value> (*parse)(std::string_view)) {
    auto value = parse(text);
    if (!value) return bad_value(flag, text, value.error().message);
    store(into, std::move(*value));
    return {};
}

template <class Number>
Result<void> assign_number(Number& into, const std::string& text, std::string_view flag,
                           std::uint64_t most, std::uint64_t least = 0) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        return bad_value(flag, text,
                         "a number from " + std::to_string(least) + " to " + std::to_string(most) +
                             " is wanted");
    }
    into = static_cast<Number>(value);
    return {};
}

template <class Number>
Result<void> assign_size(Number& into, const std::string& text, std::string_view flag,
                         std::uint64_t least, std::uint64_t most) {
    const auto value = model::parse_size(text);
    if (!value) return bad_value(flag, text, value.error().message);
    if (*value < least || *value > most) {
        return bad_value(
            flag, text, "from " + std::to_string(least) + " to " + std::to_string(most) + " bytes");
    }
    into = static_cast<Number>(*value);
    return {};
}

template <class Into>
Result<void> assign_duration(Into& into, const std::string& text, std::string_view flag) {
    const auto value = model::parse_duration(text);
    if (!value) return bad_value(flag, text, value.error().message);
    if (value->count() == 0) return bad_value(flag, text, "must be longer than nothing");
    into = *value;
    return {};
}

}  // namespace penstock::app
