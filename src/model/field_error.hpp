// What is wrong with a configuration value, and where: the errors of the model and of the API's
// answers.
//
// Plain values, any thread. `pointer` is a JSON pointer (RFC 6901) into the document that was
// given; "" is its root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::model {

enum class FieldErrorKind : std::uint8_t {
    invalid,      ///< no value of this kind can stand here (422)
    conflict,     ///< fine by itself, but taken by another (409)
    unsupported,  ///< valid, but its behaviour is not built yet (422)
};

struct FieldError {
    std::string pointer;
    std::string detail;
    FieldErrorKind kind = FieldErrorKind::invalid;
    /// What tells this failure apart for machines ("certificate-expired"), a constant; empty: the
    /// kind says enough.
    std::string_view code{};

    bool operator==(const FieldError&) const = default;
};

using FieldErrors = std::vector<FieldError>;

/// `parent` with one more reference token, escaped as RFC 6901 section 3 asks.
std::string child_pointer(std::string_view parent, std::string_view name);
std::string child_pointer(std::string_view parent, std::size_t index);

/// True where `pointer` is `ancestor` or points into it.
bool points_into(std::string_view pointer, std::string_view ancestor) noexcept;

/// Nobody mends more at a time; past it, later stages add no further errors.
inline constexpr std::size_t most_errors = 100;

/// Appends those of `more` that speak of no place `errors` already speaks of, nor of one around or
/// inside it: one error a field is enough.
void add_new(FieldErrors& errors, FieldErrors more);

}  // namespace penstock::model
