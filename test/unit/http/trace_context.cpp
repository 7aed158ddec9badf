// traceparent: what is taken, what is not, what is written.
#include "http/trace_context.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using http::parse_traceparent;

namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string span = "b7ad6b7169203331";
const std::string good = "00-" + trace + "-" + span + "-01";

}  // namespace

TEST_CASE("a traceparent is read and written", "[http]") {
    const auto context = parse_traceparent(good);
    REQUIRE(context);
    CHECK(context->trace_high == 0x0af7651916cd43dd);
    CHECK(context->trace_low == 0x8448eb211c80319c);
    CHECK(context->span == 0xb7ad6b7169203331);
    CHECK(context->is_sampled);
    std::string written(http::traceparent_size, '\0');
    http::write_traceparent(written.data(), *context);
    CHECK(written == good);
}

TEST_CASE("only the flag that is known counts, and is written", "[http]") {
    for (const char* flags : {"00", "02", "fe"}) {
        CAPTURE(flags);
        const auto context = parse_traceparent("00-" + trace + "-" + span + "-" + flags);
        REQUIRE(context);
        CHECK_FALSE(context->is_sampled);
    }
    const auto all = parse_traceparent("00-" + trace + "-" + span + "-ff");
    REQUIRE(all);
    std::string written(http::traceparent_size, '\0');
    http::write_traceparent(written.data(), *all);
    CHECK(written == good);
}

TEST_CASE("a later version is read as far as it is known", "[http]") {
    CHECK(parse_traceparent("cc-" + trace + "-" + span + "-01"));
    CHECK(parse_traceparent("cc-" + trace + "-" + span + "-01-what-the-future-brings"));
    CHECK_FALSE(parse_traceparent("cc-" + trace + "-" + span + "-01.what-the-future-brings"));
    CHECK_FALSE(parse_traceparent("ff-" + trace + "-" + span + "-01"));
}

TEST_CASE("what is malformed is not taken", "[http]") {
    const std::string zeros(32, '0');
    for (const std::string& text :
         {std::string(), std::string("00"), "00-" + trace + "-" + span, good + "-", good + "1",
          good.substr(0, 54), "00-" + zeros + "-" + span + "-01",
          "00-" + trace + "-" + zeros.substr(16) + "-01", "0-" + trace + "-" + span + "-001",
          "00_" + trace + "-" + span + "-01", "00-" + trace + "-" + span + "-0x",
          "00-0AF7651916CD43DD8448EB211C80319C-" + span + "-01",
          "00-" + trace.substr(1) + "g-" + span + "-01", " " + good.substr(1)}) {
        CAPTURE(text);
        CHECK_FALSE(parse_traceparent(text));
    }
}
