// Counts what this test program has allocated and not freed: every operator new goes through it.
#pragma once

#include <cstdint>

/// Blocks that live now, all threads.
std::int64_t live_allocations() noexcept;
/// Calls of operator new so far, all threads.
std::int64_t total_allocations() noexcept;
