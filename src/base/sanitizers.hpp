// Whether a sanitizer watches this build: g++ and clang say it in their own ways.
#pragma once

#if defined(__has_feature)
#define PENSTOCK_HAS_FEATURE(name) __has_feature(name)
#else
#define PENSTOCK_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || PENSTOCK_HAS_FEATURE(address_sanitizer)
#define PENSTOCK_ASAN 1
#else
#define PENSTOCK_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || PENSTOCK_HAS_FEATURE(thread_sanitizer)
#define PENSTOCK_TSAN 1
#else
#define PENSTOCK_TSAN 0
#endif
