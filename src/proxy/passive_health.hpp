// Passive health: what requests learn of their backends (SPEC section 6).
//
// Worker threads. Nothing blocks; only failures come here.
#pragma once

#include <string_view>

#include "base/clock.hpp"
#include "snapshot/live_change.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

/// True where `error`, an errno of a connect or of the wait for a response's first byte, says that
/// the backend cannot be used: it refused, was not reached in time or at all, or broke off (0: it
/// closed). What this machine lacks (descriptors, memory, ports), or what we ended ourselves, says
/// nothing of a backend.
bool speaks_against_backend(int error) noexcept;

/// A request failed at `upstream` before any byte of a response. Not for a kept connection that
/// turned out to be closed, not for a client that left, not for a response that was late. Where
/// that makes the backend dead, control is told, and if it was the last one, who waits for a slot
/// gets its answer. `tls_reason`: as LiveChange has it.
void report_failure(const snapshot::Route& route, const snapshot::Upstream& upstream, int error,
                    std::string_view tls_reason, TimePoint now, const snapshot::TellControl& tell);

}  // namespace penstock::proxy
