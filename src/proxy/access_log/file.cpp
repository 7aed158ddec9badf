#include "proxy/access_log/file.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::proxy {

namespace {

constexpr int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr mode_t new_file_mode = 0640;

Failure<Error> failure(int error) {
    return Failure{Error{std::strerror(error)}};
}

/// So that one write(2) of them is atomic (POSIX's PIPE_BUF); a longer line goes in pieces.
std::size_t whole_lines(std::string_view lines) noexcept {
    if (lines.size() <= PIPE_BUF) return lines.size();
    const std::size_t end = lines.substr(0, PIPE_BUF).rfind('\n');
    return end == std::string_view::npos ? PIPE_BUF : end + 1;
}

}  // namespace

LogFile::LogFile(int fd, bool is_owned) noexcept : fd_(fd), is_owned_(is_owned) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return;
    if (S_ISSOCK(about.st_mode))
        kind_ = Kind::socket;
    else if (!S_ISREG(about.st_mode))
        kind_ = Kind::pipe;
}

LogFile::LogFile(LogFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      is_owned_(std::exchange(other.is_owned_, false)),
      is_named_(other.is_named_),
      kind_(other.kind_) {}

LogFile& LogFile::operator=(LogFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(is_owned_, other.is_owned_);
    std::swap(is_named_, other.is_named_);
    std::swap(kind_, other.kind_);
    return *this;
}

LogFile::~LogFile() {
    if (is_owned_) ::close(fd_);
}

Result<LogFile> LogFile::open(const std::string& target) {
    if (target == "-") return open_standard_output();
    struct stat about {};
    const bool is_fifo = ::stat(target.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
    // Open for reading too, a FIFO needs no reader to be opened, nor does it end with one.
    const int flags = is_fifo ? O_RDWR : O_WRONLY | O_APPEND | O_CREAT;
    const int fd = ::open(target.c_str(), flags | always, new_file_mode);
    if (fd < 0) return failure(errno);
    LogFile file(fd, true);
    file.is_named_ = true;
    return file;
}

/// Opened anew, where that can be done: whether its writes block is then nobody's business but
/// ours.
Result<LogFile> LogFile::open_standard_output() {
    if (::fcntl(STDOUT_FILENO, F_GETFD) < 0) return failure(errno);
    LogFile inherited(STDOUT_FILENO, false);
    if (inherited.kind_ == Kind::socket) return inherited;
    const int fd = ::open("/proc/self/fd/1", O_WRONLY | O_APPEND | always);
    if (fd < 0) return inherited;
    return LogFile(fd, true);
}

LogFile::Written LogFile::write(std::string_view lines) noexcept {
    ssize_t size = 0;
    if (kind_ == Kind::socket) {
        size = ::send(fd_, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (kind_ == Kind::pipe) {
        pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
        if (::poll(&ready, 1, 0) == 0) return {.error = EAGAIN};
        size = ::write(fd_, lines.data(), whole_lines(lines));
    } else {
        size = ::write(fd_, lines.data(), lines.size());
    }
    if (size >= 0) return {.size = static_cast<std::size_t>(size)};
    return {.error = errno == EINTR || errno == EWOULDBLOCK ? EAGAIN : errno};
}

void LogFile::give_to(uid_t user, gid_t group) noexcept {
    if (!is_named_) return;
    [[maybe_unused]] const int result = ::fchown(fd_, user, group);
}

}  // namespace penstock::proxy
