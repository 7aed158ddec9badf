// The access log as a whole, on what a disk can do to it: nobody reads, no room, renamed, gone.
#include "proxy/access_log/access_log.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace penstock;
using proxy::AccessLog;
using proxy::AccessLogOptions;

namespace {

constexpr std::chrono::seconds patience(20);

/// A folder that ends with the test.
class Folder {
  public:
    Folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "penstock-log.XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string at(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

template <class Condition>
void eventually(Condition&& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        REQUIRE(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t lines_in(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// One worker's bus and the log that listens to it.
class Logged {
  public:
    explicit Logged(AccessLogOptions options) {
        auto opened = AccessLog::open(options, totals_);
        REQUIRE(opened);
        log_ = std::move(*opened);
        subscription_ = log_->listen(events_, 0);
        log_->start();
    }

    void request(std::string_view path, std::uint16_t status = 200) {
        snapshot::RequestDetails details;
        details.numbers.record.status = status;
        details[snapshot::DetailText::target] = path;
        events_.publish(details);
    }
    AccessLog& log() { return *log_; }
    void end() { log_.reset(); }

    std::uint64_t written() const { return totals_.access_log->delivered; }
    std::uint64_t dropped() const {
        return totals_.access_log->dropped + totals_.by_worker[0].log_lines_dropped;
    }

  private:
    snapshot::Totals totals_{1};
    proxy::RequestEvents events_;
    std::unique_ptr<AccessLog> log_;
    Subscription subscription_;
};

AccessLogOptions to(const std::string& target) {
    return {.target = target,
            .fields = {proxy::LogLineField::path, proxy::LogLineField::status},
            .ring_bytes = 64 * 1024};
}

}  // namespace

TEST_CASE("lines reach the file while the log runs, and the rest of them when it ends",
          "[proxy][threads]") {
    const Folder folder;
    Logged logged(to(folder.at("log")));
    logged.request("/first");
    eventually([&] { return read(folder.at("log")) == "{\"path\":\"/first\",\"status\":200}\n"; });
    eventually([&] { return logged.written() == 1; });
    for (int i = 0; i < 100; ++i) logged.request("/more");
    logged.end();
    CHECK(lines_in(read(folder.at("log"))) == 101);
    CHECK(logged.written() == 101);
    CHECK(logged.dropped() == 0);
    struct stat about {};
    REQUIRE(::stat(folder.at("log").c_str(), &about) == 0);
    CHECK((about.st_mode & 0777 & ~0640U) == 0);
}

TEST_CASE("a FIFO that nobody reads holds up neither requests nor the end, and all is counted",
          "[proxy][threads]") {
    const Folder folder;
    REQUIRE(::mkfifo(folder.at("log").c_str(), 0600) == 0);
    Logged logged(to(folder.at("log")));
    constexpr std::uint64_t requests = 20'000;
    for (std::uint64_t i = 0; i < requests; ++i) logged.request("/" + std::string(100, 'x'));
    CHECK(logged.dropped() > 0);
    logged.end();
    CHECK(logged.written() + logged.dropped() == requests);
}

TEST_CASE("a FIFO's reader who comes late gets whole lines, and what was dropped is the rest",
          "[proxy][threads]") {
    const Folder folder;
    REQUIRE(::mkfifo(folder.at("log").c_str(), 0600) == 0);
    Logged logged(to(folder.at("log")));
    constexpr std::uint64_t requests = 5'000;
    const std::string path = "/" + std::string(200, 'x');
    for (std::uint64_t i = 0; i < requests; ++i) logged.request(path);
    eventually([&] { return logged.dropped() > 0; });
    const int reader = ::open(folder.at("log").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    std::string got;
    eventually([&] {
        char buffer[65'536];
        const ssize_t size = ::read(reader, buffer, sizeof(buffer));
        if (size > 0) got.append(buffer, static_cast<std::size_t>(size));
        return lines_in(got) + logged.dropped() == requests;
    });
    const std::string line = "{\"path\":\"" + path + "\",\"status\":200}\n";
    std::string expected;
    for (std::size_t i = 0; i < lines_in(got); ++i) expected += line;
    CHECK(got == expected);
    logged.end();
    CHECK(logged.written() + logged.dropped() == requests);
    ::close(reader);
}

TEST_CASE("a disk without room drops lines and ends in time", "[proxy][threads]") {
    Logged logged(to("/dev/full"));
    constexpr std::uint64_t requests = 3'000;
    for (std::uint64_t i = 0; i < requests; ++i) logged.request("/" + std::string(100, 'x'));
    logged.end();
    CHECK(logged.written() == 0);
    CHECK(logged.dropped() == requests);
}

TEST_CASE("a file that was renamed away is opened anew under its name", "[proxy][threads]") {
    const Folder folder;
    Logged logged(to(folder.at("log")));
    logged.request("/old");
    eventually([&] { return logged.written() == 1; });
    std::filesystem::rename(folder.at("log"), folder.at("log.1"));
    logged.request("/still");
    eventually([&] { return logged.written() == 2; });
    logged.log().reopen();
    eventually([&] { return std::filesystem::exists(folder.at("log")); });
    logged.request("/new");
    logged.end();
    CHECK(lines_in(read(folder.at("log.1"))) == 2);
    CHECK(read(folder.at("log")) == "{\"path\":\"/new\",\"status\":200}\n");
    CHECK(logged.dropped() == 0);
}

TEST_CASE("where a file cannot be opened anew the old one is kept", "[proxy][threads]") {
    const Folder folder;
    std::filesystem::create_directory(folder.at("logs"));
    Logged logged(to(folder.at("logs/log")));
    std::filesystem::rename(folder.at("logs"), folder.at("moved"));
    logged.log().reopen();
    logged.request("/kept");
    logged.end();
    CHECK(read(folder.at("moved/log")) == "{\"path\":\"/kept\",\"status\":200}\n");
    CHECK(logged.dropped() == 0);
}

TEST_CASE("a sample is one request in so many, and every error", "[proxy][threads]") {
    const Folder folder;
    AccessLogOptions options = to(folder.at("log"));
    options.sample = 10;
    options.ring_bytes = std::size_t{4} << 20;
    Logged logged(options);
    for (int i = 0; i < 10'000; ++i) logged.request("/good", 404);
    for (int i = 0; i < 100; ++i) logged.request("/bad", 502);
    logged.end();
    const std::string text = read(folder.at("log"));
    std::size_t bad = 0;
    for (std::size_t at = text.find("/bad"); at != std::string::npos;
         at = text.find("/bad", at + 1))
        ++bad;
    CHECK(bad == 100);
    // Of a binomial distribution: mean 1,000, deviation 30.
    CHECK(lines_in(text) - bad > 800);
    CHECK(lines_in(text) - bad < 1'200);
}

TEST_CASE("a log that cannot be opened says which and why", "[proxy]") {
    snapshot::Totals totals(1);
    const auto opened = AccessLog::open(to("/no/such/folder/log"), totals);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message == "--access-log /no/such/folder/log: No such file or directory");
}
