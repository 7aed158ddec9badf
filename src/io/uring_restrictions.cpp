#include "io/uring_restrictions.hpp"

#include <array>
#include <cstring>
#include <string>

namespace penstock::io {

namespace {

io_uring_restriction operation(io_uring_op op) {
    io_uring_restriction allowed{};
    allowed.opcode = IORING_RESTRICTION_SQE_OP;
    allowed.sqe_op = static_cast<std::uint8_t>(op);
    return allowed;
}

io_uring_restriction registration(unsigned op) {
    io_uring_restriction allowed{};
    allowed.opcode = IORING_RESTRICTION_REGISTER_OP;
    allowed.register_op = static_cast<std::uint8_t>(op);
    return allowed;
}

io_uring_restriction flags(unsigned all) {
    io_uring_restriction allowed{};
    allowed.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    allowed.sqe_flags = static_cast<std::uint8_t>(all);
    return allowed;
}

}  // namespace

Error uring_refusal(const char* what, int negative_errno) {
    std::string text = std::string(what) + ": " + std::strerror(-negative_errno);
    if (negative_errno == -ENOMEM) text += " (rings count as locked memory: ulimit -l)";
    return Error{std::move(text)};
}

Result<void> restrict_and_enable(io_uring& ring) {
    std::array allowed{
        operation(IORING_OP_ACCEPT),
        operation(IORING_OP_CONNECT),
        operation(IORING_OP_RECV),
        operation(IORING_OP_SEND),
        operation(IORING_OP_SENDMSG),
        operation(IORING_OP_CLOSE),
        operation(IORING_OP_POLL_ADD),
        operation(IORING_OP_READ),
        operation(IORING_OP_ASYNC_CANCEL),
        registration(IORING_REGISTER_RING_FDS),
        registration(IORING_UNREGISTER_RING_FDS),
        registration(IORING_REGISTER_PBUF_RING),
        registration(IORING_UNREGISTER_PBUF_RING),
        flags(IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS),
    };
    const int restricted =
        io_uring_register_restrictions(&ring, allowed.data(), unsigned{allowed.size()});
    if (restricted < 0) return Failure{uring_refusal("io_uring restrictions", restricted)};
    const int enabled = io_uring_enable_rings(&ring);
    if (enabled < 0) return Failure{uring_refusal("io_uring enable", enabled)};
    return {};
}

}  // namespace penstock::io
