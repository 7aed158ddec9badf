// Memory for coroutine frames: free lists by size, one pool a thread, so that a warm request
// allocates nothing.
//
// A frame must die on the thread that made it (workers share nothing). What is kept is bounded by
// `most_kept_bytes`; frames above `largest_frame` go to the heap. Under AddressSanitizer every
// frame goes to the heap, so that a use after the end is seen.
#pragma once

#include <cstddef>

namespace penstock::io {

class FramePool {
  public:
    static constexpr std::size_t size_step = 128;
    static constexpr std::size_t largest_frame = 16 * 1024;
    static constexpr std::size_t most_kept_bytes = 8 * 1024 * 1024;

    static void* allocate(std::size_t size);
    static void release(void* frame, std::size_t size) noexcept;

    /// Gives the kept frames of this thread back to the heap.
    static void trim() noexcept;
};

}  // namespace penstock::io
