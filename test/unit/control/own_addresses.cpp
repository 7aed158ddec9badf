#include "control/own_addresses.hpp"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <ifaddrs.h>

#include "fixture.hpp"

using namespace penstock::control;
using penstock::net::Address;

namespace {

OwnAddresses listening_at(std::initializer_list<const char*> endpoints) {
    std::vector<Address> bound;
    for (const char* endpoint : endpoints) bound.push_back(*Address::parse_endpoint(endpoint));
    return OwnAddresses(std::move(bound));
}

bool own(const OwnAddresses& addresses, const char* endpoint) {
    return addresses.contains(*Address::parse_endpoint(endpoint));
}

/// An IPv4 address of this machine beyond loopback; empty where it has none.
std::string address_of_this_machine() {
    ifaddrs* list = nullptr;
    std::string found;
    REQUIRE(::getifaddrs(&list) == 0);
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
        const Address address = Address::from(one->ifa_addr, sizeof(sockaddr_in));
        if (!address.is_loopback()) found = address.host();
    }
    ::freeifaddrs(list);
    return found;
}

constexpr const char* route_to_us =
    R"({"vHost":"a.example","backends":[{"hostname":"10.0.0.1","port":80},)"
    R"({"hostname":"127.0.0.1","port":8080}]})";

}  // namespace

TEST_CASE("a listener on one address is there alone", "[control]") {
    const OwnAddresses addresses = listening_at({"127.0.0.1:80", "[::1]:81", "unix:/run/a.sock"});
    CHECK(own(addresses, "127.0.0.1:80"));
    CHECK(own(addresses, "0.0.0.0:80"));  // where connecting goes to loopback
    CHECK(own(addresses, "[::ffff:127.0.0.1]:80"));
    CHECK(own(addresses, "[::1]:81"));
    CHECK(own(addresses, "[::]:81"));
    CHECK_FALSE(own(addresses, "127.0.0.1:81"));
    CHECK_FALSE(own(addresses, "127.0.0.2:80"));
    CHECK_FALSE(own(addresses, "[::1]:80"));
    CHECK_FALSE(own(addresses, "192.0.2.1:80"));
    CHECK_FALSE(own(addresses, "127.0.0.1:0"));
    const OwnAddresses none;
    CHECK_FALSE(own(none, "127.0.0.1:80"));
}

TEST_CASE("a listener on all addresses is at each of this machine's", "[control]") {
    const OwnAddresses addresses = listening_at({"0.0.0.0:80", "[::]:81"});
    CHECK(own(addresses, "127.0.0.1:80"));
    CHECK(own(addresses, "127.8.8.8:80"));
    CHECK(own(addresses, "0.0.0.0:80"));
    CHECK(own(addresses, "[::1]:81"));
    CHECK_FALSE(own(addresses, "[::1]:80"));
    CHECK_FALSE(own(addresses, "127.0.0.1:81"));
    CHECK_FALSE(own(addresses, "192.0.2.1:80"));  // TEST-NET-1: nobody's
    CHECK_FALSE(own(addresses, "127.0.0.1:82"));
    if (const std::string mine = address_of_this_machine(); !mine.empty())
        CHECK(own(addresses, (mine + ":80").c_str()));
}

TEST_CASE("this machine's addresses are asked for once a second, and kept where that fails",
          "[control]") {
    OwnAddresses::Hosts answer(std::in_place);
    answer->insert("192.0.2.1");
    int asked = 0;
    OwnAddresses addresses({*Address::parse_endpoint("0.0.0.0:80")}, [&] {
        ++asked;
        return answer;
    });
    const Address mine = *Address::parse_endpoint("192.0.2.1:80");
    const penstock::TimePoint start = penstock::Clock::now();
    for (int i = 0; i < 1'000; ++i) CHECK(addresses.contains(mine, start));
    CHECK(asked == 1);
    answer.reset();
    CHECK(addresses.contains(mine, start + std::chrono::seconds(1)));
    CHECK(asked == 2);
    answer.emplace();
    CHECK(addresses.contains(mine, start + std::chrono::milliseconds(1'500)));
    CHECK_FALSE(addresses.contains(mine, start + std::chrono::seconds(2)));
    CHECK(asked == 3);
}

TEST_CASE_METHOD(ApiFixture, "a backend that is ourselves is refused, with its pointer",
                 "[control]") {
    configuration.keep_clear_of(listening_at({"0.0.0.0:8080", "127.0.0.1:9080"}));
    ApiResponse response = ask("POST", "/api/v1/routes", route_to_us);
    CHECK(status(response) == 422);
    CHECK(text_at(response, "/errors/0/pointer") == "/backends/1/hostname");
    CHECK(text_at(response, "/errors/0/type") == "urn:problem-type:penstock:own-address");
    CHECK(status(ask("POST", "/api/v1/routes?dryRun=true", route_to_us)) == 422);
    CHECK(configuration.routes().empty());

    REQUIRE(status(ask("POST", "/api/v1/routes", simple_route)) == 201);
    const std::string_view backends = "/api/v1/routes/a.example/backends";
    response = ask("POST", backends, R"({"hostname":"localhost","port":9080})");
    CHECK(status(response) == 422);
    CHECK(text_at(response, "/errors/0/pointer") == "/hostname");
    response = ask("PATCH", "/api/v1/routes/a.example/backends/b1",
                   R"({"hostname":"127.0.0.1","port":9080})");
    CHECK(status(response) == 422);
    CHECK(text_at(response, "/errors/0/pointer") == "/hostname");
    CHECK(status(ask("POST", backends, R"({"hostname":"127.0.0.2","port":9080})")) == 201);

    response =
        ask("PUT", "/api/v1/config",
            std::string(R"({"version":1,"process":{},"routes":[)") + std::string(simple_route) +
                "," + R"({"vHost":"b.example","backends":[{"hostname":"::1","port":1},)" +
                R"({"hostname":"0.0.0.0","port":8080}]}],)" +
                R"("authProviders":[],"certificates":[]})");
    CHECK(status(response) == 422);
    CHECK(text_at(response, "/errors/0/pointer") == "/routes/1/backends/1/hostname");
}

TEST_CASE_METHOD(ApiFixture, "a stored backend that is ourselves by now gets no requests",
                 "[control]") {
    REQUIRE(status(ask("POST", "/api/v1/routes", route_to_us)) == 201);
    REQUIRE(publisher.find("a.example")->upstreams.size() == 2);
    configuration.keep_clear_of(listening_at({"127.0.0.1:8080"}));
    REQUIRE(configuration.refresh("a.example") != 0);
    for (const auto& upstream : publisher.find("a.example")->upstreams)
        CHECK(upstream.target != "127.0.0.1:8080");
    // What is there may be written back, and changed for the better.
    const std::string shown = ask("GET", "/api/v1/routes/a.example").body;
    CHECK(status(ask("PUT", "/api/v1/routes/a.example", shown)) == 200);
    CHECK(status(ask("PUT", "/api/v1/routes/a.example", simple_route)) == 200);
}
