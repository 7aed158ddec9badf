#include "ctl/field_values.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ctl/input_file.hpp"
#include "model/json_document.hpp"
#include "model/json_writer.hpp"

namespace penstock::ctl {

namespace {

std::string json_string(std::string_view text) {
    std::string json;
    model::write_string(json, text);
    return json;
}

}  // namespace

FieldValues::Member& FieldValues::member(std::vector<Member>& members, std::string_view name) {
    const auto known = std::find_if(members.begin(), members.end(),
                                    [&](const Member& one) { return one.name == name; });
    if (known != members.end()) return *known;
    return members.emplace_back(Member{.name = std::string(name), .json = {}, .members = {}});
}

void FieldValues::set_text(std::string_view name, std::string_view value) {
    set_json(name, json_string(value));
}

void FieldValues::set_json(std::string_view name, std::string value) {
    member(members_, name).json = std::move(value);
}

Result<void> FieldValues::set(std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return Failure{Error{fmt::format("--set {}: FIELD=VALUE is wanted", assignment)}};
    }
    std::string_view path = assignment.substr(0, equals);
    const std::string_view value = assignment.substr(equals + 1);
    std::vector<Member>* in = &members_;
    for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
        in = &member(*in, path.substr(0, dot)).members;
        path.remove_prefix(dot + 1);
    }
    std::string& json = member(*in, path).json;
    if (value.starts_with('@')) {
        const auto text = read_input(std::string(value.substr(1)));
        if (!text) return Failure{text.error()};
        json = json_string(*text);
    } else {
        json = model::JsonDocument::parse(value) ? std::string(value) : json_string(value);
    }
    return {};
}

void FieldValues::write(std::string& out, const std::vector<Member>& members) {
    model::JsonObject object(out);
    for (const Member& one : members) {
        std::string& value = object.key(one.name);
        if (one.members.empty())
            value += one.json;
        else
            write(value, one.members);
    }
}

std::string FieldValues::json() const {
    std::string out;
    write(out, members_);
    return out;
}

}  // namespace penstock::ctl
