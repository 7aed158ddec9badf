#include "snapshot/field_edits.hpp"

#include <array>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace penstock::snapshot {

namespace {

static_assert(static_cast<unsigned>(http::FieldId::x_request_id) < 32, "ids fit one word");

constexpr std::string_view v_host_mark = "${vhost}";

struct Mark {
    std::string_view text;
    Placeholder means;
};

constexpr std::array marks{
    Mark{"${request.id}", Placeholder::request_id},
    Mark{"${client.ip}", Placeholder::client_ip},
};

}  // namespace

FieldEdits::FieldEdits(const std::map<std::string, std::optional<std::string>>& fields,
                       std::string_view v_host) {
    if (fields.empty()) return;
    auto compiled = std::make_unique<Compiled>();
    for (const auto& [name, value] : fields) {
        const std::size_t line_at = compiled->text.size();
        const std::size_t first_piece = compiled->pieces.size();
        const http::FieldId id = http::field_id(name);
        compiled->ids |= bit(id);
        compiled->text += name;
        if (value) {
            compiled->text += ": ";
            add_value(*compiled, *value, v_host, line_at);
        }
        compiled->edits.push_back(
            {.name_at = static_cast<std::uint32_t>(line_at),
             .name_size = static_cast<std::uint32_t>(name.size()),
             .first_piece = static_cast<std::uint32_t>(first_piece),
             .pieces = static_cast<std::uint32_t>(compiled->pieces.size() - first_piece),
             .id = id});
    }
    compiled->text.shrink_to_fit();
    compiled->edits.shrink_to_fit();
    compiled->pieces.shrink_to_fit();
    compiled_ = std::move(compiled);
}

/// Appends what of the line follows its name, cut where the request's own values belong.
void FieldEdits::add_value(Compiled& compiled, std::string_view value, std::string_view v_host,
                           std::size_t line_at) {
    std::size_t piece_at = line_at;
    const auto end_piece = [&](Placeholder then) {
        compiled.pieces.push_back(
            {.at = static_cast<std::uint32_t>(piece_at),
             .size = static_cast<std::uint32_t>(compiled.text.size() - piece_at),
             .then = then});
        piece_at = compiled.text.size();
    };
    for (;;) {
        const std::size_t at = value.find("${");
        compiled.text += value.substr(0, at);
        if (at == std::string_view::npos) break;
        value.remove_prefix(at);
        if (value.starts_with(v_host_mark)) {
            compiled.text += v_host;
            value.remove_prefix(v_host_mark.size());
            continue;
        }
        const Mark* found = nullptr;
        for (const Mark& mark : marks) {
            if (value.starts_with(mark.text)) found = &mark;
        }
        PENSTOCK_ASSERT(found != nullptr);  // validation lets no other placeholder through
        end_piece(found->means);
        value.remove_prefix(found->text.size());
    }
    compiled.text += "\r\n";
    end_piece(Placeholder::none);
}

bool FieldEdits::covers_other(std::string_view name) const noexcept {
    for (const Edit& edit : compiled_->edits) {
        if (edit.id == http::FieldId::other && equals_ignoring_case(this->name(edit), name))
            return true;
    }
    return false;
}

bool FieldEdits::covers_variable(std::string_view name) const noexcept {
    for (const Edit& edit : edits()) {
        if (is_same_variable(this->name(edit), name)) return true;
    }
    return false;
}

}  // namespace penstock::snapshot
