#include "ctl/json_lines.hpp"

#include "ctl/terminal.hpp"
#include "model/json_writer.hpp"

namespace penstock::ctl {

namespace {

/// model::deepest_json bounds how deep this goes.
void write(std::string& out, JsonView value, std::size_t depth) {
    const auto begin_line = [&](std::size_t in) { out.append("\n").append(2 * in, ' '); };
    bool is_first = true;
    const auto separate = [&] {
        if (!is_first) out += ',';
        is_first = false;
        begin_line(depth + 1);
    };
    const auto members = value.members();
    const auto items = value.items();
    if (members.empty() && items.empty()) {
        out += value.json();
        return;
    }
    out += value.is_object() ? '{' : '[';
    for (const auto& [name, member] : members) {
        separate();
        model::write_string(out, name);
        out += ": ";
        write(out, member, depth + 1);
    }
    for (const JsonView item : items) {
        separate();
        write(out, item, depth + 1);
    }
    begin_line(depth);
    out += value.is_object() ? '}' : ']';
}

}  // namespace

std::string json_lines(JsonView value) {
    std::string out;
    write(out, value, 0);
    return printable_json(out) + '\n';
}

}  // namespace penstock::ctl
