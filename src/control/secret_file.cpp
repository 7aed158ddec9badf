#include "control/secret_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::control {

namespace {

/// More than a tick of any file system's clock.
constexpr long settling_ns = 100'000'000;

bool same(const timespec& a, const timespec& b) noexcept {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

Failure<Error> failed() {
    return Failure{Error{std::strerror(errno)}};
}

struct Descriptor {
    explicit Descriptor(int opened) noexcept : fd(opened) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    const int fd;
};

/// Empty: nothing speaks against it.
std::string fault_of(const struct stat& status, std::size_t most, FilePrivacy privacy) {
    if (!S_ISREG(status.st_mode)) return "not a regular file";
    if (static_cast<std::size_t>(status.st_size) > most)
        return "larger than " + std::to_string(most) + " bytes";
    if (privacy == FilePrivacy::open) return {};
    if ((status.st_mode & S_IRWXO) != 0)
        return "every user of this machine may use it: chmod 600 (or 640)";
    if ((status.st_mode & S_IWGRP) != 0) return "its group may write it: chmod 600 (or 640)";
    return {};
}

}  // namespace

std::optional<FileVersion> FileVersion::of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return of_status(status);
}

FileVersion FileVersion::of_status(const struct stat& status) noexcept {
    FileVersion version;
    version.device_ = status.st_dev;
    version.inode_ = status.st_ino;
    version.size_ = status.st_size;
    version.written_ = status.st_mtim;
    version.changed_ = status.st_ctim;
    return version;
}

bool FileVersion::operator==(const FileVersion& other) const noexcept {
    return device_ == other.device_ && inode_ == other.inode_ && size_ == other.size_ &&
           same(written_, other.written_) && same(changed_, other.changed_);
}

bool FileVersion::is_settled() const noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const long long age = (static_cast<long long>(now.tv_sec) - changed_.tv_sec) * 1'000'000'000 +
                          (now.tv_nsec - changed_.tv_nsec);
    return age > settling_ns || age < -settling_ns;  // a clock that was set back tells nothing
}

Result<SecretFile> read_secret_file(const std::string& path, std::size_t most,
                                    FilePrivacy privacy) {
    // O_NONBLOCK: a FIFO must not hold us up before it is refused.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.fd < 0) return failed();
    struct stat status {};
    if (::fstat(file.fd, &status) != 0) return failed();
    if (auto fault = fault_of(status, most, privacy); !fault.empty())
        return Failure{Error{std::move(fault)}};
    SecretFile read{.text = {}, .version = FileVersion::of_status(status)};
    char part[4'096];
    ssize_t size = 0;
    while (read.text.size() <= most && (size = ::read(file.fd, part, sizeof(part))) > 0)
        read.text.append({part, static_cast<std::size_t>(size)});
    cleanse(part, sizeof(part));
    if (size < 0) return failed();
    if (read.text.size() > most) return Failure{Error{"grows while it is read"}};
    return {std::move(read)};
}

}  // namespace penstock::control
