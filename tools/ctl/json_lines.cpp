#include "ctl/json_lines.hpp"

#include <fmt/format.h>

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

/// What a terminal takes for a command, or for a turn of the text's direction, is escaped: C1
/// controls, DEL and bidirectional marks. All of them stand within strings.
std::string shielded(std::string_view json) {
    std::string out;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const auto byte = [&](std::size_t at) {
            return at < json.size() ? static_cast<unsigned char>(json[at]) : 0U;
        };
        unsigned code = byte(i);
        std::size_t length = 1;
        if (code == 0xc2) {
            code = byte(i + 1);
            length = 2;
        } else if (code == 0xe2) {
            code = 0x2000 | (byte(i + 1) & 0x3f) << 6 | (byte(i + 2) & 0x3f);
            length = 3;
        } else if (code != 0x7f) {
            out += json[i];
            continue;
        }
        const bool is_control = code >= 0x7f && code <= 0x9f;
        const bool is_direction =
            (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
        if (is_control || is_direction)
            out += fmt::format("\\u{:04x}", code);
        else
            out += json.substr(i, length);
        i += length - 1;
    }
    return out;
}

}  // namespace

std::string json_lines(JsonView value) {
    std::string out;
    write(out, value, 0);
    return shielded(out) + '\n';
}

}  // namespace penstock::ctl
