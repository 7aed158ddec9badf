// Addresses and networks: what is read, what is refused, what is written.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include "net/address.hpp"
#include "net/listen.hpp"

using namespace penstock::net;

TEST_CASE("endpoints are read and written back") {
    for (const char* text :
         {"127.0.0.1:80", "0.0.0.0:0", "[::1]:8080", "[fe80::1]:1", "unix:/tmp/a.sock"}) {
        INFO(text);
        const auto address = Address::parse_endpoint(text);
        REQUIRE(address);
        CHECK(address->endpoint() == text);
    }
    for (const char* text : {"", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "1.2.3:80",
                             "::1:80", "[1.2.3.4]:80", "name:80", "unix:", "127.0.0.1:8o"}) {
        INFO(text);
        CHECK_FALSE(Address::parse_endpoint(text));
    }
    CHECK_FALSE(Address::unix_path(std::string(108, 'x')));
    CHECK_FALSE(Address::unix_path(std::string("a\0b", 3)));
    CHECK_FALSE(Address::parse(std::string("1.2.3.4\0x", 9), 80));
    CHECK_FALSE(Address::parse(std::string("::1\0", 4), 80));
}

TEST_CASE("hosts are written without ports, mapped ones as IPv4") {
    CHECK(Address::parse("255.10.0.7", 1)->host() == "255.10.0.7");
    CHECK(Address::parse("::ffff:1.2.3.4", 1)->host() == "1.2.3.4");
    CHECK(Address::parse("2001:db8::1", 1)->host() == "2001:db8::1");
    CHECK(Address::parse("127.9.9.9", 1)->is_loopback());
    CHECK(Address::parse("::1", 1)->is_loopback());
    CHECK_FALSE(Address::parse("10.0.0.1", 1)->is_loopback());
}

TEST_CASE("networks contain what their prefix says") {
    const auto contains = [](const char* cidr, const char* ip) {
        const auto network = Network::parse(cidr);
        REQUIRE(network);
        return network->contains(*Address::parse(ip, 0));
    };
    CHECK(contains("10.0.0.0/8", "10.255.1.1"));
    CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
    CHECK(contains("192.168.1.128/25", "192.168.1.200"));
    CHECK_FALSE(contains("192.168.1.128/25", "192.168.1.1"));
    CHECK(contains("1.2.3.4", "1.2.3.4"));
    CHECK(contains("0.0.0.0/0", "8.8.8.8"));
    CHECK_FALSE(contains("0.0.0.0/0", "::1"));
    CHECK(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
    CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    for (const char* cidr : {"", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1"}) {
        INFO(cidr);
        CHECK_FALSE(Network::parse(cidr));
    }
}

TEST_CASE("a shared address is one port, and taken for everyone else") {
    const auto group = listen_shared(*Address::parse("127.0.0.1", 0), 3);
    REQUIRE(group);
    const Address bound = Address::local_of(group->front());
    for (const int fd : *group) CHECK(Address::local_of(fd) == bound);
    const auto second = listen_shared(bound, 1);
    REQUIRE_FALSE(second);
    CHECK(second.error().message ==
          "cannot listen on " + bound.endpoint() + ": Address already in use");
    for (const int fd : *group) ::close(fd);
}

TEST_CASE("an address that its holder lets go of meanwhile is waited for") {
    const auto held = listen_on(*Address::parse("127.0.0.1", 0));
    REQUIRE(held);
    const Address bound = Address::local_of(*held);
    std::thread holder([fd = *held] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ::close(fd);
    });
    const auto fd = listen_on(bound);
    holder.join();
    REQUIRE(fd);
    ::close(*fd);
}

TEST_CASE("a Unix socket that a dead process left is replaced, a live one is not") {
    const std::string path = "/tmp/penstock-test-" + std::to_string(::getpid()) + ".sock";
    const Address address = *Address::unix_path(path);
    const auto first = listen_on(address);
    REQUIRE(first);
    CHECK_FALSE(listen_on(address));
    ::close(*first);
    const auto second = listen_on(address);
    REQUIRE(second);
    ::close(*second);
    ::unlink(path.c_str());
}
