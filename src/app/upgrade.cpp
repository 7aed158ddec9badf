#include "app/upgrade.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/predecessor.hpp"
#include "app/systemd_sockets.hpp"
#include "base/bytes.hpp"

namespace penstock::app {

namespace {

/// One that has closed its end of the channel is given this long to end.
constexpr auto end_time = std::chrono::seconds(1);
constexpr auto end_poll = std::chrono::milliseconds(5);

bool is_this_program(const std::string& path) {
    struct stat named {};
    struct stat running {};
    return ::stat(path.c_str(), &named) == 0 && ::stat("/proc/self/exe", &running) == 0 &&
           named.st_dev == running.st_dev && named.st_ino == running.st_ino;
}

/// As execvp(3) would look for it, but from the root on: it is what was started.
std::string find_program(const std::string& word) {
    std::error_code error;
    if (word.find('/') != std::string::npos) {
        const std::string path = std::filesystem::absolute(word, error).string();
        if (is_this_program(path)) return path;
    } else {
        const char* const folders = std::getenv("PATH");
        std::string_view rest = folders != nullptr ? folders : "/usr/local/bin:/usr/bin:/bin";
        while (!rest.empty()) {
            const std::size_t colon = rest.find(':');
            const auto path = std::filesystem::path(rest.substr(0, colon)) / word;
            if (is_this_program(path.string()))
                return std::filesystem::absolute(path, error).string();
            rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
        }
    }
    return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

/// Of the new process: ours, but for what names this process, and with its end of the channel.
std::vector<std::string> environment_with(int channel, bool has_systemd_sockets) {
    const std::string ours = std::string(upgrade_variable) + "=";
    std::vector<std::string> all{ours + std::to_string(channel)};
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        const std::string_view line = *entry;
        // A new process sets LISTEN_PID itself; a watchdog without WATCHDOG_PID is anybody's.
        if (line.starts_with("LISTEN_PID=") || line.starts_with("WATCHDOG_PID=") ||
            line.starts_with(ours) || (line.starts_with("LISTEN_") && !has_systemd_sockets))
            continue;
        all.emplace_back(line);
    }
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// What is open in the new process under the same numbers; everything else of ours is not.
class Inherited {
  public:
    Inherited() { ::posix_spawn_file_actions_init(&actions_); }
    Inherited(const Inherited&) = delete;
    Inherited& operator=(const Inherited&) = delete;
    ~Inherited() { ::posix_spawn_file_actions_destroy(&actions_); }

    /// On itself: that it closes when a program starts is taken back, there alone.
    void add(int fd) { ::posix_spawn_file_actions_adddup2(&actions_, fd, fd); }
    const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_{};
};

}  // namespace

Program Program::of(int argc, char** argv) {
    return {.path = find_program(argc > 0 ? argv[0] : ""),
            .arguments = std::vector<std::string>(argv, argv + argc)};
}

Upgrade::Upgrade(Proxy& proxy, const Program& program, std::chrono::milliseconds limit)
    : proxy_(proxy), program_(program), limit_(limit), deadline_(Clock::now() + limit) {}

Upgrade::~Upgrade() {
    if (state_ == State::under_way) abandon("it was given up");
}

void Upgrade::begin() {
    if (::getpid() == 1) {
        fail("the container ends with this process, its first: start a new container");
        return;
    }
    HandoverChannel theirs;
    if (const auto made = HandoverChannel::make(channel_, theirs); !made) {
        fail(made.error().message);
        return;
    }
    if (!spawn(theirs)) return;
    theirs.close();  // so that its end is heard
    // Where it has ended already it may have said why.
    if (!hand_sockets() && advance() == State::under_way) abandon(how_it_ended());
}

bool Upgrade::spawn(HandoverChannel& theirs) {
    const std::vector<int> systemd = fds_from_systemd();
    Inherited inherited;
    inherited.add(theirs.fd());
    for (const int fd : systemd) inherited.add(fd);
    for (const int fd : proxy_.given_descriptors()) inherited.add(fd);
    auto arguments = program_.arguments;
    auto environment = environment_with(theirs.fd(), !systemd.empty());
    const int error = ::posix_spawn(&pid_, program_.path.c_str(), inherited.actions(), nullptr,
                                    pointers_to(arguments).data(), pointers_to(environment).data());
    if (error == 0) return true;
    pid_ = -1;
    fail(fmt::format("{} cannot be started: {}", program_.path, std::strerror(error)));
    return false;
}

bool Upgrade::hand_sockets() {
    for (const HandedSockets& handed : proxy_.sockets()) {
        if (!channel_.send("listens", handed.name, handed.fds)) return false;
    }
    return channel_.send("all");
}

Upgrade::State Upgrade::advance() {
    HandoverChannel::Message message;
    while (state_ == State::under_way) {
        const auto heard = channel_.receive(message, Clock::now());
        if (heard == HandoverChannel::Heard::message) {
            hear(message);
        } else if (heard == HandoverChannel::Heard::end) {
            const std::string how = how_it_ended();
            abandon(last_words_.empty() ? how : last_words_);
        } else if (Clock::now() >= deadline_) {
            abandon(
                fmt::format("it was not ready within {} ms (--upgrade-timeout)", limit_.count()));
        } else {
            break;
        }
    }
    return state_;
}

void Upgrade::hear(HandoverChannel::Message& message) {
    for (const int fd : message.fds) ::close(fd);  // there are none to be had
    if (message.word == "takes") {
        taken_.push_back(message.text);
    } else if (message.word == "store") {
        lend_store();
    } else if (message.word == "failed") {
        last_words_ = message.text;
    } else if (message.word == "ready") {
        state_ = State::ready;
    }
}

void Upgrade::lend_store() {
    store_lent_ = true;
    const auto content = proxy_.lend_store();
    if (!content) {
        abandon("the store cannot be handed over: " + content.error().message);
        return;
    }
    if (*content < 0) {
        channel_.send("store");
    } else {
        channel_.send("store", {}, {*content});
        ::close(*content);
    }
}

void Upgrade::hand_over() {
    proxy_.hand_over(taken_);
}

void Upgrade::let_begin() {
    channel_.send("go");
    channel_.close();
}

/// Reaps it; what has not ended by itself is ended.
std::string Upgrade::how_it_ended() {
    int status = 0;
    pid_t reaped = 0;
    for (const TimePoint last = Clock::now() + end_time; Clock::now() < last;) {
        reaped = ::waitpid(pid_, &status, WNOHANG);
        if (reaped != 0) break;
        std::this_thread::sleep_for(end_poll);
    }
    if (reaped == 0) return "it does not speak with the process that it was to replace";
    pid_ = -1;
    if (WIFSIGNALED(status)) return fmt::format("signal {} ended it", WTERMSIG(status));
    return fmt::format("it ended with status {} before it served", WEXITSTATUS(status));
}

void Upgrade::abandon(const std::string& why) {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    channel_.close();
    if (std::exchange(store_lent_, false)) proxy_.take_store_back();
    fail(why);
}

void Upgrade::fail(std::string why) {
    reason_ = std::move(why);
    state_ = State::failed;
}

}  // namespace penstock::app
