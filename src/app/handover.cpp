#include "app/handover.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::app {

namespace {

constexpr std::size_t longest_message = 8 * 1024;
/// Of one message; the kernel takes 253 (SCM_MAX_FD).
constexpr std::size_t most_fds = 128;
constexpr timeval send_time{.tv_sec = 5, .tv_usec = 0};

/// Room for the descriptors, aligned as the kernel wants it.
union Control {
    cmsghdr header;
    std::array<char, CMSG_SPACE(most_fds * sizeof(int))> bytes;
};

void take_fds(msghdr& message, std::vector<int>& fds) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const std::size_t before = fds.size();
        fds.resize(before + count);
        std::memcpy(fds.data() + before, CMSG_DATA(part), count * sizeof(int));
    }
}

bool send_part(int fd, const std::string& text, const int* fds, std::size_t count) {
    iovec piece{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    Control control{};
    if (count > 0) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS};
        std::memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

}  // namespace

Result<void> HandoverChannel::make(HandoverChannel& one, HandoverChannel& other) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
        return Failure{Error{std::string("socketpair: ") + std::strerror(errno)}};
    ::setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &send_time, sizeof(send_time));
    one = HandoverChannel(pair[0]);
    other = HandoverChannel(pair[1]);
    return {};
}

HandoverChannel::HandoverChannel(HandoverChannel&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

HandoverChannel& HandoverChannel::operator=(HandoverChannel&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

HandoverChannel::~HandoverChannel() {
    close();
}

void HandoverChannel::close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool HandoverChannel::send(std::string_view word, std::string_view text,
                           const std::vector<int>& fds) {
    std::string line(word);
    line += ' ';
    line += text.substr(0, longest_message - line.size());
    std::size_t sent = 0;
    do {
        const std::size_t count = std::min(fds.size() - sent, most_fds);
        if (!send_part(fd_, line, fds.data() + sent, count)) return false;
        sent += count;
    } while (sent < fds.size());
    return true;
}

HandoverChannel::Heard HandoverChannel::receive(Message& heard, TimePoint deadline) {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const int wait = deadline == never ? -1 : static_cast<int>(std::max<long>(left.count(), 0));
    if (::poll(&one, 1, wait) <= 0) return Heard::nothing;  // or a signal: the caller knows when
    std::array<char, longest_message> text{};
    iovec piece{.iov_base = text.data(), .iov_len = text.size()};
    Control control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    ssize_t size = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    // Told once, ahead of what was sent before, of an end that had not read everything.
    if (size < 0 && errno == ECONNRESET)
        size = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Heard::nothing;
    if (size <= 0) return Heard::end;
    const std::string_view line(text.data(), static_cast<std::size_t>(size));
    const std::size_t space = line.find(' ');
    heard.word = line.substr(0, space);
    heard.text = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    heard.fds.clear();
    take_fds(message, heard.fds);
    return Heard::message;
}

}  // namespace penstock::app
