// A ring of io_uring does what UringRing asks of it, and nothing else.
#include <cerrno>
#include <filesystem>
#include <string>

#include <liburing.h>

#include "fixture.hpp"
#include "io/uring_restrictions.hpp"

using namespace penstock;
using namespace penstock::io;
using namespace penstock::io::testing;

namespace {

struct BareRing {
    BareRing() {
        if (const auto probed = probe_uring(); !probed) SKIP(probed.error().message);
        io_uring_params params{};
        params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER;
        REQUIRE(io_uring_queue_init_params(8, &ring, &params) == 0);
        REQUIRE(restrict_and_enable(ring));
    }
    ~BareRing() { io_uring_queue_exit(&ring); }

    /// What one submission comes to.
    template <class Prepare>
    int outcome(Prepare prepare) {
        prepare(io_uring_get_sqe(&ring));
        REQUIRE(io_uring_submit(&ring) == 1);
        io_uring_cqe* cqe = nullptr;
        REQUIRE(io_uring_wait_cqe(&ring, &cqe) == 0);
        const int result = cqe->res;
        io_uring_cqe_seen(&ring, cqe);
        return result;
    }

    io_uring ring{};
};

/// The descriptor of the ring that this process has, by its name in /proc.
int find_ring() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code error;
        const auto target = std::filesystem::read_symlink(entry.path(), error);
        if (target == "anon_inode:[io_uring]") return std::stoi(entry.path().filename().string());
    }
    return -1;
}

}  // namespace

TEST_CASE("a restricted ring refuses what is not in its list") {
    BareRing bare;
    const auto refuses = [&bare](auto prepare) { return bare.outcome(prepare) == -EACCES; };
    CHECK(refuses([](io_uring_sqe* sqe) {
        io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    }));
    CHECK(
        refuses([](io_uring_sqe* sqe) { io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0); }));
    CHECK(refuses([](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); }));
    CHECK(refuses([](io_uring_sqe* sqe) {
        io_uring_prep_close(sqe, -1);
        io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
    }));
    CHECK(bare.outcome([](io_uring_sqe* sqe) { io_uring_prep_close(sqe, 9'999); }) == -EBADF);
}

TEST_CASE("a restricted ring cannot be changed, nor opened again") {
    BareRing bare;
    const int fds[] = {0};
    CHECK(io_uring_register_files(&bare.ring, fds, 1) == -EACCES);
    CHECK(io_uring_register_personality(&bare.ring) == -EACCES);
    CHECK(io_uring_register_restrictions(&bare.ring, nullptr, 0) < 0);
}

TEST_CASE("the loop's own ring is restricted") {
    if (const auto probed = probe_uring(); !probed) SKIP(probed.error().message);
    const auto ring = make_ring(Engine::uring);
    const int fd = find_ring();
    REQUIRE(fd >= 0);
    CHECK(io_uring_register(static_cast<unsigned>(fd), IORING_REGISTER_PERSONALITY, nullptr, 0) ==
          -EACCES);
}
