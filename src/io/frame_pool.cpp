#include "io/frame_pool.hpp"

#include <array>
#include <new>

#include "base/sanitizers.hpp"

namespace penstock::io {

namespace {

/// Else ASan would not see a frame that is used after its coroutine has ended.
constexpr bool pooled = !PENSTOCK_ASAN;

struct FreeFrame {
    FreeFrame* next;
};

constexpr std::size_t class_count = FramePool::largest_frame / FramePool::size_step;

struct Lists {
    std::array<FreeFrame*, class_count> free{};
    std::size_t kept_bytes = 0;

    ~Lists() { clear(); }

    void clear() noexcept {
        for (FreeFrame*& list : free) {
            while (list != nullptr) {
                FreeFrame* frame = list;
                list = frame->next;
                ::operator delete(frame);
            }
        }
        kept_bytes = 0;
    }
};

thread_local Lists lists;

constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size - 1) / FramePool::size_step;
}
constexpr std::size_t class_size(std::size_t index) noexcept {
    return (index + 1) * FramePool::size_step;
}

}  // namespace

void* FramePool::allocate(std::size_t size) {
    if (!pooled || size > largest_frame) return ::operator new(size);
    const std::size_t index = class_of(size);
    if (FreeFrame* frame = lists.free[index]) {
        lists.free[index] = frame->next;
        lists.kept_bytes -= class_size(index);
        return frame;
    }
    return ::operator new(class_size(index));
}

void FramePool::release(void* frame, std::size_t size) noexcept {
    const std::size_t index = class_of(size);
    if (!pooled || size > largest_frame || lists.kept_bytes + class_size(index) > most_kept_bytes) {
        ::operator delete(frame);
        return;
    }
    auto* kept = static_cast<FreeFrame*>(frame);
    kept->next = lists.free[index];
    lists.free[index] = kept;
    lists.kept_bytes += class_size(index);
}

void FramePool::trim() noexcept {
    lists.clear();
}

}  // namespace penstock::io
