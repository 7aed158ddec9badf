#include "app/predecessor.hpp"

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace penstock::app {

namespace {

Failure<Error> gone() {
    return Failure{Error{"the process whose place this one was to take has ended"}};
}

}  // namespace

Result<std::unique_ptr<Predecessor>> Predecessor::of_environment() {
    const char* const named = std::getenv(upgrade_variable);
    if (named == nullptr) return std::unique_ptr<Predecessor>();
    const auto fd = parse_decimal(named, 1 << 20);
    ::unsetenv(upgrade_variable);
    // systemd's sockets come to us as they came to it.
    if (std::getenv("LISTEN_FDS") != nullptr)
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    if (!fd || ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC) != 0) {
        return Failure{
            Error{std::string(upgrade_variable) + ": only an upgrade sets it, to a descriptor"}};
    }
    auto made = std::make_unique<Predecessor>(HandoverChannel(static_cast<int>(*fd)));
    if (auto received = made->receive_sockets(); !received) return Failure{received.error()};
    return made;
}

Predecessor::~Predecessor() {
    for (const HandedSockets& handed : sockets_) {
        for (const int fd : handed.fds) ::close(fd);
    }
    if (memory_store_ >= 0) ::close(memory_store_);
}

Result<void> Predecessor::receive_sockets() {
    HandoverChannel::Message message;
    for (;;) {
        const auto heard = channel_.receive(message);
        if (heard == HandoverChannel::Heard::end) return gone();
        if (heard == HandoverChannel::Heard::nothing) continue;
        if (message.word == "all") return {};
        if (message.word != "listens") continue;
        // A name with many sockets comes in several parts; one that stands twice has the same.
        if (!sockets_.empty() && sockets_.back().name == message.text) {
            auto& fds = sockets_.back().fds;
            fds.insert(fds.end(), message.fds.begin(), message.fds.end());
        } else {
            sockets_.push_back({message.text, std::move(message.fds)});
        }
    }
}

Result<void> Predecessor::ask_for_store() {
    if (has_store_) return {};
    if (!channel_.send("store")) return gone();
    HandoverChannel::Message message;
    for (;;) {
        const auto heard = channel_.receive(message);
        if (heard == HandoverChannel::Heard::end) return gone();
        if (heard == HandoverChannel::Heard::message && message.word == "store") break;
    }
    if (!message.fds.empty()) memory_store_ = message.fds.front();
    has_store_ = true;
    return {};
}

void Predecessor::takes(std::string_view name) {
    channel_.send("takes", name);
}

void Predecessor::ready() {
    channel_.send("ready");
    HandoverChannel::Message message;
    for (;;) {
        const auto heard = channel_.receive(message);
        // One that has ended accepts nothing either.
        if (heard == HandoverChannel::Heard::end) break;
        if (heard == HandoverChannel::Heard::message && message.word == "go") break;
    }
    channel_.close();
}

void Predecessor::failed(std::string_view why) {
    channel_.send("failed", why);
}

}  // namespace penstock::app
