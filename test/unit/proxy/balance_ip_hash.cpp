// IP_HASH: the same on every node and after a restart, as little movement as can be, and weights.
#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "balance_fixture.hpp"
#include "proxy/balance/client_key.hpp"

using namespace balance_test;
using proxy::client_key;

namespace {

constexpr int clients = 10'000;

std::string address_of(int client) {
    return "192.0." + std::to_string(client / 250) + "." + std::to_string(client % 250);
}

std::string backend_of(const BalancedRoute& balanced, std::string_view client) {
    Random random(1);
    return balanced.pick({.random = random, .now = Clock::now(), .client = client_key(client)});
}

/// The backend of each client.
std::vector<std::string> mapping_of(const BalancedRoute& balanced) {
    std::vector<std::string> mapping;
    for (int client = 0; client < clients; ++client)
        mapping.push_back(backend_of(balanced, address_of(client)));
    return mapping;
}

Shares shares_of(const std::vector<std::string>& mapping) {
    Shares shares;
    for (const std::string& id : mapping) ++shares[id];
    return shares;
}

}  // namespace

TEST_CASE("a client is known by its address, of IPv6 the network", "[balance]") {
    CHECK(client_key("192.0.2.1") != client_key("192.0.2.2"));
    CHECK(client_key("::ffff:192.0.2.1") == client_key("192.0.2.1"));
    CHECK(client_key("2001:db8:0:1::1") == client_key("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    CHECK(client_key("2001:db8:0:1::1") != client_key("2001:db8:0:2::1"));
    CHECK(client_key("unix:") != client_key("192.0.2.1"));
}

TEST_CASE("who gets which client is fixed for all nodes and releases", "[balance]") {
    // Golden values: should this fail, every user's clients would move with the next upgrade.
    CHECK(client_key("192.0.2.1") == 0x86805f3f342f4e8b);
    CHECK(client_key("2001:db8::1") == 0x4e32fc5c48ca905e);
    const auto first_of = [](const BalancedRoute& balanced) {
        std::string ids;
        for (int client = 0; client < 40; ++client) ids += backend_of(balanced, address_of(client));
        return ids;
    };
    const BalancedRoute equal(BalancingStrategy::ip_hash, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    CHECK(first_of(equal) == "6521013440406263154541229312305250050794");
    const BalancedRoute weighted(BalancingStrategy::ip_hash, {1, 2, 3, 5, 7, 11, 13, 17, 100, 1});
    CHECK(first_of(weighted) == "6588853848486788858548888378888883858884");
}

TEST_CASE("a backend that dies or goes moves its own clients only, to all others", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::ip_hash, std::vector<unsigned>(10, 1));
    const auto before = mapping_of(balanced);
    for (const auto& [id, count] : shares_of(before)) {
        CAPTURE(id);
        CHECK(std::abs(count - clients / 10) < 120);  // four deviations
    }
    balanced.kill("4");
    const auto without = mapping_of(balanced);
    Shares taken;
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i] != "4") {
            REQUIRE(without[i] == before[i]);
        } else {
            REQUIRE(without[i] != "4");
            ++taken[without[i]];
        }
    }
    CHECK(taken.size() == 9);
    for (const auto& [id, count] : taken) {
        CAPTURE(id);
        CHECK(std::abs(count - clients / 90) < 45);
    }
    balanced.revive("4");
    CHECK(mapping_of(balanced) == before);
    // Deleted rather than dead, and the others in another order: the same.
    std::erase_if(balanced.config().backends, [](const Backend& one) { return one.id == "4"; });
    std::reverse(balanced.config().backends.begin(), balanced.config().backends.end());
    balanced.publish();
    CHECK(mapping_of(balanced) == without);
}

TEST_CASE("clients are shared by weight, however uneven", "[balance]") {
    const auto check = [](const std::vector<unsigned>& weights) {
        const BalancedRoute balanced(BalancingStrategy::ip_hash, weights);
        Shares shares;
        constexpr int many = 200'000;
        Random random(1);
        for (int client = 0; client < many; ++client)
            ++shares[balanced.pick({.random = random,
                                    .now = Clock::now(),
                                    .client = client_key("c" + std::to_string(client))})];
        double total = 0;
        for (const unsigned weight : weights) total += weight;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            CAPTURE(weights, i);
            const double wanted = many * weights[i] / total;
            // Four deviations of the draw, and what the table's interpolation may add.
            const double slack = 4 * std::sqrt(wanted) + wanted * 0.003;
            CHECK(std::abs(shares[std::to_string(i)] - wanted) < slack);
        }
    };
    check({5, 3, 1});
    check({1'000, 1});
    check({1'000, 999, 1, 2, 500});
}

TEST_CASE("a weight that grows draws clients from the others and moves nobody else", "[balance]") {
    BalancedRoute balanced(BalancingStrategy::ip_hash, {2, 1, 3, 1});
    const auto before = mapping_of(balanced);
    balanced.config().backends[1].weight = 3;
    balanced.publish();
    const auto after = mapping_of(balanced);
    int moved = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (after[i] == before[i]) continue;
        REQUIRE(after[i] == "1");
        ++moved;
    }
    CHECK(std::abs(moved - clients * (3.0 / 9 - 1.0 / 7)) < 200);
}
