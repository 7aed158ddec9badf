// The system calls that the program keeps for itself (seccomp(2), through libseccomp).
//
// A list of what its threads, and a new binary that takes over, need: anything else is answered as
// if the kernel did not have it (ENOSYS), so that libraries fall back on what they used before.
// What only an intruder would call ends the process. docs/decisions/0019-confinement.md says why.
#pragma once

#include <cstdint>

#include <penstock/result.hpp>

namespace penstock::app {

enum class SystemCalls : std::uint8_t { restricted, inherited };

/// For every thread of the process and whatever they start, for good. `inherited`: the process
/// before has set this same list already. `with_uring`: io_uring's calls stay.
Result<SystemCalls> restrict_system_calls(bool with_uring);

}  // namespace penstock::app
