#include "net/resolver.hpp"

#include <condition_variable>
#include <map>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

using namespace penstock;
using namespace penstock::net;

namespace {

/// A UDP socket on the loopback that never answers, or that is closed again: a dead server.
class Server {
  public:
    Server() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const Address any = *Address::parse("127.0.0.1", 0);
        REQUIRE(::bind(fd_, any.data(), any.size()) == 0);
        address_ = Address::local_of(fd_);
    }
    ~Server() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    Address address() const { return address_; }

  private:
    int fd_;
    Address address_;
};

/// Collects answers from the resolver's thread.
class Answers {
  public:
    Resolver::Deliver deliver() {
        return [this](const std::string& name, NameAnswer answer) {
            const std::lock_guard lock(mutex_);
            answers_.emplace(name, std::move(answer));
            came_.notify_all();
        };
    }
    std::size_t wait(std::size_t count) {
        std::unique_lock lock(mutex_);
        came_.wait_for(lock, std::chrono::seconds(30), [&] { return answers_.size() >= count; });
        return answers_.size();
    }
    NameAnswer of(const std::string& name) {
        const std::lock_guard lock(mutex_);
        const auto at = answers_.find(name);
        REQUIRE(at != answers_.end());
        return at->second;
    }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return answers_.size();
    }

  private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::multimap<std::string, NameAnswer> answers_;
};

}  // namespace

TEST_CASE("the hosts file answers before any server is asked", "[net][threads]") {
    Server silent;
    Answers answers;
    Resolver resolver({silent.address()}, answers.deliver());
    resolver.resolve("localhost");
    REQUIRE(answers.wait(1) == 1);
    const NameAnswer answer = answers.of("localhost");
    CHECK(answer.found());
    CHECK(answer.ttl == std::chrono::seconds(5));
    for (const auto* family : {&answer.v4, &answer.v6}) {
        for (const Address& address : family->addresses) CHECK(address.is_loopback());
    }
}

TEST_CASE("a server that is not there is a failure with a reason, for every name",
          "[net][threads]") {
    Server dead;
    dead.close();
    Answers answers;
    Resolver resolver({dead.address()}, answers.deliver());
    constexpr std::size_t names = 600;  // more than are looked up at once
    for (std::size_t i = 0; i < names; ++i) resolver.resolve("n" + std::to_string(i) + ".test");
    REQUIRE(answers.wait(names) == names);
    const NameAnswer answer = answers.of("n599.test");
    CHECK_FALSE(answer.found());
    CHECK(answer.v4.failed);
    CHECK(answer.v6.failed);
    CHECK_FALSE(answer.reason.empty());
}

TEST_CASE("a resolver ends at once though its servers are silent, and answers nothing more",
          "[net][threads]") {
    Server silent;
    Answers answers;
    const auto begun = std::chrono::steady_clock::now();
    {
        Resolver resolver({silent.address()}, answers.deliver());
        for (int i = 0; i < 300; ++i) resolver.resolve("n" + std::to_string(i) + ".test");
    }
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(1'400));
    CHECK(answers.count() == 0);
}

TEST_CASE("a resolver that is asked nothing has no thread to end", "[net]") {
    Answers answers;
    const Resolver resolver({}, answers.deliver());
    CHECK(answers.count() == 0);
}

TEST_CASE("addresses are ordered by family and bytes, and move to another port", "[net]") {
    const Address low = *Address::parse("10.0.0.1", 0);
    const Address high = *Address::parse("10.0.0.2", 0);
    const Address v6 = *Address::parse("::1", 0);
    CHECK(low < high);
    CHECK_FALSE(high < low);
    CHECK_FALSE(low < low);
    CHECK(high < v6);
    CHECK(low.with_port(8080).endpoint() == "10.0.0.1:8080");
    CHECK(v6.with_port(53).endpoint() == "[::1]:53");
    const unsigned char bytes[] = {10, 0, 0, 1};
    CHECK(Address::from_bytes(AF_INET, bytes) == low);
}
