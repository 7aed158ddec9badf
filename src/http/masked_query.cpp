#include "http/masked_query.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace penstock::http {

namespace {

constexpr std::array<std::string_view, 4> secret_names{"token", "key", "password", "secret"};

int hex_digit(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The byte at the text's beginning, decoded, which is taken away from it.
char take_decoded(std::string_view& text) noexcept {
    if (text.size() >= 3 && text[0] == '%') {
        const int high = hex_digit(text[1]);
        const int low = hex_digit(text[2]);
        if (high >= 0 && low >= 0) {
            text.remove_prefix(3);
            return static_cast<char>(high * 16 + low);
        }
    }
    const char c = text.front();
    text.remove_prefix(1);
    return c;
}

bool is_name(std::string_view encoded, std::string_view lower) noexcept {
    for (const char wanted : lower) {
        if (encoded.empty() || ascii_lower(take_decoded(encoded)) != wanted) return false;
    }
    return encoded.empty();
}

bool is_secret(std::string_view name) noexcept {
    return std::any_of(secret_names.begin(), secret_names.end(),
                       [name](std::string_view secret) { return is_name(name, secret); });
}

}  // namespace

SecretValue find_secret(std::string_view target, std::size_t from) noexcept {
    constexpr std::size_t none = std::string_view::npos;
    const std::size_t query = target.find('?');
    if (query == none) return {};
    std::size_t name = std::max(query, from);  // stands before it
    while (name < target.size()) {
        const std::size_t end = target.find_first_of("=&;", name + 1);
        if (end == none) return {};
        if (target[end] == '=' && is_secret(target.substr(name + 1, end - name - 1))) {
            const std::size_t behind = std::min(target.find('&', end), target.size());
            if (behind > end + 1) return {end + 1, behind};
        }
        name = target[end] == '=' ? target.find_first_of("&;", end) : end;
    }
    return {};
}

}  // namespace penstock::http
