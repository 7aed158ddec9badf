// What of a request's target may be written down: the values of query parameters that are secrets
// by their names are not (SPEC section 10).
//
// Any thread. A name counts without regard to case and with its percent-encoding undone. A value
// ends at '&' alone, but a name may begin behind ';' too: whichever way a backend reads it, no part
// of a secret passes.
#pragma once

#include <cstddef>
#include <string_view>

namespace penstock::http {

inline constexpr std::string_view masked_value = "***";

/// The value that begins and ends there is a secret.
struct SecretValue {
    std::size_t begin = std::string_view::npos;  // npos: there is none
    std::size_t end = std::string_view::npos;
};

/// The first at `from` or behind, of a path with its query, or of a whole URL.
SecretValue find_secret(std::string_view target, std::size_t from = 0) noexcept;

/// Calls `visit(piece)` for what may be seen of `target`, in order, with masked_value for each
/// secret.
template <class Visit>
void for_each_visible(std::string_view target, Visit&& visit) {
    std::size_t done = 0;
    for (auto secret = find_secret(target); secret.begin != std::string_view::npos;
         secret = find_secret(target, secret.end)) {
        visit(target.substr(done, secret.begin - done));
        visit(masked_value);
        done = secret.end;
    }
    visit(target.substr(done));
}

}  // namespace penstock::http
