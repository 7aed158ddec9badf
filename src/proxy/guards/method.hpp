// What the types of auth providers have in common: the one signature of what asks them.
//
// Worker threads. A method says at once what it can, and awaits the rest; it fails closed.
#pragma once

#include "proxy/guard.hpp"

namespace penstock::proxy::guards {

using Method = io::Task<Verdict> (*)(Guard& guard);

/// User names and passwords (RFC 7617).
io::Task<Verdict> basic(Guard& guard);
/// Opaque tokens (RFC 6750).
io::Task<Verdict> bearer(Guard& guard);
/// JSON Web Tokens (RFC 7519).
io::Task<Verdict> jwt(Guard& guard);
/// The embedding program.
io::Task<Verdict> callback(Guard& guard);

/// Somebody else, who is asked over HTTP.
io::Task<Verdict> http(Guard& guard);

}  // namespace penstock::proxy::guards
