#include "ctl/table.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock::ctl;

TEST_CASE("a table's columns are as wide as what is in them", "[ctl]") {
    Table table({{"VHOST"}, {"ACTIVE", Align::right}, {"AUTH"}});
    table.add({"a.test", "3/100", "staff"});
    table.add({"*.long.example", "12", ""});
    CHECK(table.text(false) ==
          "VHOST           ACTIVE  AUTH\n"
          "a.test           3/100  staff\n"
          "*.long.example      12  -\n");
}

TEST_CASE("columns are aligned by what a terminal shows, not by bytes", "[ctl]") {
    Table table({{"NAME"}, {"N", Align::right}});
    table.add({"Zürich", "1"});
    table.add({"日本", "22"});
    table.add({"e\u0301", "3"});  // an e and a combining accent
    CHECK(table.text(false) ==
          "NAME     N\n"
          "Zürich   1\n"
          "日本    22\n"
          "e\u0301        3\n");
}

TEST_CASE("a table without rows is its heading", "[ctl]") {
    const Table table({{"A"}, {"B"}});
    CHECK(table.empty());
    CHECK(table.text(false) == "A  B\n");
}

TEST_CASE("colours stand around the words, and move no column", "[ctl]") {
    Table table({{"STATE"}, {"N", Align::right}});
    table.add({Cell("dead", Tone::bad), "1"});
    CHECK(table.text(true) ==
          "\x1b[2mSTATE\x1b[0m  \x1b[2mN\x1b[0m\n"
          "\x1b[31mdead\x1b[0m   1\n");
}

TEST_CASE("nothing in a cell is a command to the terminal", "[ctl]") {
    Table table({{"NAME"}});
    table.add({"a\x1b[2Jb\nc\u202e\xff"});
    CHECK(table.text(false) == "NAME\na\\x1b[2Jb\\x0ac\\xe2\\x80\\xae\\xff\n");
}

TEST_CASE("text that is no UTF-8 counts a column a byte", "[ctl]") {
    CHECK(display_width("\xff\xfe") == 2);
    CHECK(display_width("\xc3") == 1);              // cut off
    CHECK(display_width("\xe0\x80\x80") == 3);      // longer than it has to be
    CHECK(display_width("\xed\xa0\x80") == 3);      // half of a pair
    CHECK(display_width("\xf4\x90\x80\x80") == 4);  // beyond Unicode
    CHECK(display_width("") == 0);
    CHECK(display_width("\U0001f600") == 2);
}

TEST_CASE("a fact sheet leaves out what is not there", "[ctl]") {
    FactSheet facts;
    facts.add("vHost", "a.test");
    facts.add("auth provider", "");
    facts.add("retries", "2");
    CHECK(facts.text(false) ==
          "vHost:    a.test\n"
          "retries:  2\n");
}
