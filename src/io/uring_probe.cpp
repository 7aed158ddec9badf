// Whether io_uring can be had: the kernel's age, a container's seccomp and the administrator's say
// in one try.
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include <liburing.h>

#include "io/ring.hpp"

namespace penstock::io {

Result<void> probe_uring(std::size_t rings) {
    std::vector<std::unique_ptr<Ring>> made;  // of full size, for their memory may be limited
    while (made.size() < rings) {
        auto ring = Ring::create(Engine::uring, {.first_receive_blocks = 1});
        if (!ring) return Failure{ring.error()};
        made.push_back(std::move(*ring));
    }
    io_uring_probe* probe = io_uring_get_probe();
    if (probe == nullptr) return Failure{Error{"io_uring cannot tell which operations it knows"}};
    static constexpr int needed[] = {IORING_OP_ACCEPT,   IORING_OP_CONNECT, IORING_OP_RECV,
                                     IORING_OP_SEND,     IORING_OP_SENDMSG, IORING_OP_CLOSE,
                                     IORING_OP_POLL_ADD, IORING_OP_READ,    IORING_OP_ASYNC_CANCEL};
    const bool complete = std::all_of(std::begin(needed), std::end(needed), [&](int op) {
        return io_uring_opcode_supported(probe, op) != 0;
    });
    io_uring_free_probe(probe);
    if (!complete)
        return Failure{Error{"this kernel's io_uring lacks an operation that Penstock needs"}};
    return {};
}

}  // namespace penstock::io
