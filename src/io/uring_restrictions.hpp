// What a ring of io_uring may be asked for: the operations that UringRing submits and no others.
//
// A bug that lets somebody write submissions cannot open files, make sockets or run commands with
// them. The kernel (5.10) checks one bit an operation; see docs/hardening.md.
#pragma once

#include <liburing.h>
#include <penstock/result.hpp>

namespace penstock::io {

/// What an io_uring call has failed with, as one line.
Error uring_refusal(const char* what, int negative_errno);

/// Narrows a ring that was made with IORING_SETUP_R_DISABLED, for good, and enables it. On the
/// thread that will submit to it. What is outside the list completes, or fails, with -EACCES.
Result<void> restrict_and_enable(io_uring& ring);

}  // namespace penstock::io
