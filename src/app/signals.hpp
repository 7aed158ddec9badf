// Signals of the process: blocked in every thread, taken by main() when it asks.
#pragma once

namespace penstock::app {

/// Before the first thread starts: SIGTERM and SIGINT wait until they are asked for.
void block_ending_signals();

/// Returns when one of them has come.
void wait_for_ending_signal();

/// True where a further one has come; does not wait.
bool another_ending_signal();

}  // namespace penstock::app
