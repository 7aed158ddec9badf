#include "io/buffer_pool.hpp"

#include <string_view>

#include <catch2/catch_test_macros.hpp>

using namespace penstock::io;

namespace {

constexpr std::string_view secret = "a token";

/// What the next block of that size still holds of the one before.
std::string_view left_of(BufferPool& pool) {
    { pool.small()->append(secret); }
    return {pool.small()->data(), secret.size()};
}

}  // namespace

TEST_CASE("what blocks held is overwritten where secrets travel, and left alone elsewhere",
          "[io]") {
    BufferPool pool;
    CHECK(left_of(pool) == secret);
    pool.cleanse_after_use();
    CHECK(left_of(pool) == std::string_view("\0\0\0\0\0\0\0", secret.size()));
    CHECK(pool.blocks_in_use() == 0);
}
