// Assertions that stay on in production: a broken invariant ends the process before it can harm
// anyone's data.
//
// Any thread. No I/O but one line to stderr on the way down.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace penstock {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "penstock: assertion failed: %s (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace penstock

#define PENSTOCK_ASSERT(condition)                                      \
    (__builtin_expect(!(condition), 0)                                  \
         ? ::penstock::assertion_failed(#condition, __FILE__, __LINE__) \
         : static_cast<void>(0))
