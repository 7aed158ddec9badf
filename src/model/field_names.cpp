#include "model/field_names.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace penstock::model {

namespace {

constexpr std::array<std::string_view, 9> framing_fields{
    "connection", "content-length",    "keep-alive", "proxy-connection", "te",
    "trailer",    "transfer-encoding", "upgrade",    "expect",
};

constexpr std::array<std::string_view, 3> placeholders{"${request.id}", "${client.ip}", "${vhost}"};

bool is_token_byte(char c) noexcept {
    const char lower = ascii_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

bool is_field_value(std::string_view text) noexcept {
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    };
    return trim_ows(text).size() == text.size() &&
           std::none_of(text.begin(), text.end(), is_control);
}

bool is_framing_field(std::string_view name) noexcept {
    return std::any_of(framing_fields.begin(), framing_fields.end(),
                       [name](std::string_view field) { return equals_lower(name, field); });
}

bool has_known_placeholders(std::string_view value) noexcept {
    for (std::size_t at = value.find("${"); at != std::string_view::npos;
         at = value.find("${", at + 2)) {
        const bool known = std::any_of(placeholders.begin(), placeholders.end(),
                                       [&](std::string_view placeholder) {
                                           return value.substr(at).starts_with(placeholder);
                                       });
        if (!known) return false;
    }
    return true;
}

}  // namespace penstock::model
