#include "snapshot/host_table.hpp"

#include <map>
#include <memory>

#include <catch2/catch_test_macros.hpp>

#include "allocations.hpp"
#include "base/random.hpp"

using namespace penstock::snapshot;

namespace {

/// A table with its routes and arrays, all freed at the end.
struct Tables {
    ~Tables() { replaced_.splice_in(table.dissolve()); }

    const Route* set(const std::string& pattern) {
        auto route = std::make_unique<Route>();
        route->v_host = pattern;
        route->keys.push_back(host_key(pattern));
        const HostTable::Edit edit{route->keys[0], route.get()};
        table.apply(std::span(&edit, 1), replaced_.arrays);
        routes_.push_back(std::move(route));
        return routes_.back().get();
    }
    void erase(const std::string& pattern) {
        const std::string key = host_key(pattern);
        const HostTable::Edit edit{key, nullptr};
        table.apply(std::span(&edit, 1), replaced_.arrays);
    }
    std::string match(std::string_view host) const {
        const Route* route = table.match(host);
        return route == nullptr ? "none" : route->v_host;
    }

    HostTable table;

  private:
    struct Arrays {
        std::vector<HostTable::Array> arrays;
        void splice_in(std::vector<HostTable::Array> more) {
            for (auto& array : more) arrays.push_back(std::move(array));
        }
    };
    Arrays replaced_;
    std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace

TEST_CASE("an empty table matches nothing", "[snapshot]") {
    const Tables tables;
    CHECK(tables.match("a.example") == "none");
    CHECK(tables.match("") == "none");
    CHECK(tables.match(".") == "none");
}

TEST_CASE("an exact host wins over wildcards, the longest suffix over shorter, * over none",
          "[snapshot]") {
    Tables tables;
    for (const char* pattern :
         {"example.com", "*.example.com", "*.api.example.com", "v1.api.example.com"}) {
        tables.set(pattern);
    }
    CHECK(tables.match("example.com") == "example.com");
    CHECK(tables.match("www.example.com") == "*.example.com");
    CHECK(tables.match("a.b.c.example.com") == "*.example.com");
    CHECK(tables.match("api.example.com") == "*.example.com");
    CHECK(tables.match("v1.api.example.com") == "v1.api.example.com");
    CHECK(tables.match("v2.api.example.com") == "*.api.example.com");
    CHECK(tables.match("x.v1.api.example.com") == "*.api.example.com");
    CHECK(tables.match("example.org") == "none");
    CHECK(tables.match("badexample.com") == "none");
    tables.set("*");
    CHECK(tables.match("example.org") == "*");
    CHECK(tables.match("") == "*");
    CHECK(tables.match("www.example.com") == "*.example.com");
    tables.erase("*");
    CHECK(tables.match("example.org") == "none");
}

TEST_CASE("a wildcard matches neither its own suffix nor an empty label", "[snapshot]") {
    Tables tables;
    tables.set("*.example.com");
    CHECK(tables.match("example.com") == "none");
    CHECK(tables.match(".example.com") == "none");
    CHECK(tables.match("*.example.com") == "*.example.com");
}

TEST_CASE("hosts longer than any name match like others, by what they end in", "[snapshot]") {
    Tables tables;
    tables.set("*.example.com");
    const std::string label(300, 'a');
    CHECK(tables.match(label) == "none");
    CHECK(tables.match(label + ".example.com") == "*.example.com");
    std::string dots;
    while (dots.size() < 8'000) dots += "a.";
    CHECK(tables.match(dots + "example.com") == "*.example.com");
    CHECK(tables.match(dots + "example.org") == "none");
    CHECK(tables.match(std::string(8'000, '.')) == "none");
}

TEST_CASE("what is replaced or erased is gone, what is beside it stays", "[snapshot]") {
    Tables tables;
    tables.set("a.example");
    const Route* other = tables.set("b.example");
    const Route* newer = tables.set("a.example");
    CHECK(tables.table.match("a.example") == newer);
    tables.erase("a.example");
    tables.erase("never.was.example");
    CHECK(tables.match("a.example") == "none");
    CHECK(tables.table.match("b.example") == other);
}

TEST_CASE("wildcards are counted down to none", "[snapshot]") {
    Tables tables;
    tables.set("*.a.example");
    tables.set("*.a.example");
    tables.set("*.b.example");
    tables.erase("*.a.example");
    CHECK(tables.match("x.b.example") == "*.b.example");
    tables.erase("*.b.example");
    CHECK(tables.match("x.b.example") == "none");
    tables.set("*.c.example");
    CHECK(tables.match("x.c.example") == "*.c.example");
}

TEST_CASE("the table says what a map says, whatever the changes", "[snapshot]") {
    Tables tables;
    std::map<std::string, const Route*> expected;
    penstock::Random random(11);
    const auto name = [](std::uint64_t n) { return "host-" + std::to_string(n) + ".example"; };
    for (int step = 0; step < 20'000; ++step) {
        const std::string host = name(random.below(3'000));
        if (random.below(3) == 0) {
            tables.erase(host);
            expected.erase(host);
        } else {
            expected[host] = tables.set(host);
        }
    }
    std::size_t wrong = 0;
    for (std::uint64_t n = 0; n < 3'000; ++n) {
        const auto at = expected.find(name(n));
        if (tables.table.match(name(n)) != (at == expected.end() ? nullptr : at->second)) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(expected.size() > 1'000);
}

TEST_CASE("an older version does not see a newer one's changes", "[snapshot]") {
    Tables tables;
    tables.set("a.example");
    const HostTable before = tables.table;
    tables.erase("a.example");
    tables.set("b.example");
    CHECK(before.match("a.example") != nullptr);
    CHECK(before.match("b.example") == nullptr);
}

TEST_CASE("a batch applies in order", "[snapshot]") {
    HostTable table;
    Route one;
    Route two;
    std::vector<HostTable::Array> replaced;
    const std::vector<HostTable::Edit> edits{
        {"a.example", &one}, {"b.example", &one}, {"a.example", nullptr}, {"a.example", &two}};
    table.apply(edits, replaced);
    CHECK(replaced.empty());
    CHECK(table.match("a.example") == &two);
    CHECK(table.match("b.example") == &one);
    table.dissolve();
}

TEST_CASE("a lookup allocates nothing", "[snapshot]") {
    Tables tables;
    tables.set("a.example");
    tables.set("*.b.example");
    tables.set("*");
    const auto before = total_allocations();
    std::size_t found = 0;
    for (const char* host :
         {"a.example", "x.y.z.b.example", "c.example", "a.very.long.name.of.a.host.example"}) {
        if (tables.table.match(host) != nullptr) ++found;
    }
    const auto made = total_allocations() - before;
    CHECK(found == 4);
    CHECK(made == 0);
}
