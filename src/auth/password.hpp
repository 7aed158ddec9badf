// Passwords against their stored hashes: bcrypt, yescrypt, scrypt, SHA-256-crypt and SHA-512-crypt
// (crypt(5)), and argon2 (RFC 9106).
//
// Pure functions, any thread but the loop's: a check takes from a millisecond to seconds, by
// intent. What they copy of a password is cleansed; no error quotes a hash.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock::auth {

/// Longer ones match nothing: crypt(3) takes no more. bcrypt itself looks at the first 72 bytes
/// only, as everywhere.
inline constexpr std::size_t longest_password = 511;

/// Why a stored hash is refused, in words for whoever configured it; empty: it can be used. Forms
/// that are broken (MD5, SHA-1, DES), that do not parse, and those that take so long that a few
/// logins would keep all others waiting.
std::optional<std::string> unusable_hash(std::string_view hash);

/// Whether the hash was made of this password. An unusable hash, a password with a NUL or one that
/// is too long: false. Takes the same time whether it matches or not.
bool password_matches(std::string_view password, const std::string& hash);

/// What to check a password against when nobody has that name, so that the time an answer takes
/// does not tell who exists: one of the others' hashes, for the same name always the same. What the
/// check then says is to be ignored. Where there are none, a hash of our own.
const std::string& decoy_hash(std::string_view user, std::span<const std::string> hashes);

}  // namespace penstock::auth
