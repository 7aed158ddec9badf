#include "base/secret.hpp"

#include <algorithm>
#include <utility>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;

TEST_CASE("a text is overwritten with all the room behind it", "[base]") {
    std::string text(100, 's');
    text.resize(50);
    const char* const bytes = text.data();
    cleanse(text);
    CHECK(text.empty());
    REQUIRE(text.data() == bytes);
    CHECK(std::all_of(bytes, bytes + 100, [](char c) { return c == '\0'; }));
    std::string none;
    cleanse(none);
    CHECK(none.empty());
}

TEST_CASE("a secret text grows by what it is given, and moves", "[base]") {
    SecretText text;
    CHECK((text.view().empty() && text.capacity() == 0));
    std::string expected;
    for (int i = 0; i < 2'000; ++i) {
        const std::string part = std::to_string(i);
        const std::size_t capacity = text.capacity_with(part.size());
        text.append(part);
        expected += part;
        REQUIRE(text.capacity() == capacity);
    }
    text.append("");
    CHECK(text.view() == expected);
    CHECK(text.capacity() < 2 * expected.size() + 1'024);
    SecretText moved(std::move(text));
    CHECK(moved.view() == expected);
    text = std::move(moved);
    CHECK(text.view() == expected);
    text.clear();
    CHECK((text.size() == 0 && text.capacity() == 0));
    text.append("again");
    CHECK(text.view() == "again");
}
