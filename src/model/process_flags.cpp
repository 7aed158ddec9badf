#include "model/process_flags.hpp"

#include <optional>

#include <fmt/format.h>

#include "model/json_reader.hpp"

namespace penstock::model {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

/// A value as it would stand on the command line; none where it could not.
std::optional<std::string> word_of(element value) {
    std::string_view text;
    std::uint64_t number = 0;
    if (value.get(text) == SUCCESS) return std::string(text);
    if (value.get(number) == SUCCESS) return std::to_string(number);
    return std::nullopt;
}

ProcessFlag read_flag(std::string_view name, element value, const std::string& pointer,
                      FieldErrors& errors) {
    ProcessFlag flag{std::string(name), {}};
    bool truth = false;
    simdjson::dom::array items;
    if (auto word = word_of(value)) {
        flag.values.push_back(std::move(*word));
    } else if (value.get(truth) == SUCCESS) {
        flag.values.emplace_back(truth ? "true" : "false");
    } else if (value.get(items) == SUCCESS) {
        flag.is_list = true;
        for (const element item : items) {
            if (auto one = word_of(item))
                flag.values.push_back(std::move(*one));
            else
                errors.push_back(
                    {child_pointer(pointer, flag.values.size()),
                     fmt::format("must be a string or a number, not {}", kind_of(item))});
        }
    } else {
        errors.push_back({pointer, fmt::format("must be a string, a whole number, true, false or "
                                               "an array, not {}",
                                               kind_of(value))});
    }
    return flag;
}

}  // namespace

ProcessFlags read_process(element value, const std::string& pointer, FieldErrors& errors) {
    ProcessFlags process;
    simdjson::dom::object members;
    if (value.get(members) != SUCCESS) {
        errors.push_back({pointer, fmt::format("must be an object, not {}", kind_of(value))});
        return process;
    }
    process.json = simdjson::minify(value);
    for (const auto [name, member] : members)
        process.flags.push_back(read_flag(name, member, child_pointer(pointer, name), errors));
    return process;
}

}  // namespace penstock::model
