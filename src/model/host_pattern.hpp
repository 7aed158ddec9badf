// Host names as configuration writes them: what a route answers to, and what a backend is reached
// by.
//
// Pure functions, any thread. Names are LDH labels (RFC 1123 section 2.1, underscores allowed as
// the field does), at most 253 bytes; international names come as A-labels (RFC 5890
// section 2.3.2.1), which are checked by decoding.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.hpp>

namespace penstock::model {

/// Longest name, and so longest key of the route table, in bytes.
inline constexpr std::size_t longest_host = 253;

/// Brings a vHost or alias into its one canonical form: lower case, no trailing dot. An exact name,
/// an IPv4 address, a bracketed IPv6 address, "*.suffix" or "*". The error says what is wrong ("a
/// port does not belong here").
Result<std::string> canonical_host_pattern(std::string_view text);

/// Brings a backend's hostname into its canonical form: an address (IPv6 without brackets) or a
/// name.
Result<std::string> canonical_hostname(std::string_view text);

/// True for an IPv4 or IPv6 literal in canonical form, brackets or not.
bool is_address(std::string_view host);

/// True where a backend's hostname, in canonical form, is a name to be looked up: no address, and
/// not "localhost".
bool needs_lookup(std::string_view hostname);

/// "host:port", an IPv6 address in brackets.
std::string authority_of(std::string_view hostname, unsigned port);

}  // namespace penstock::model
