#include "control/store/store_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::control {

namespace {

constexpr mode_t own_file = 0600;
constexpr mode_t own_folder = 0700;
constexpr mode_t of_others = 0077;

Failure<Error> failed(const std::string& path) {
    return Failure{Error{path + ": " + std::strerror(errno)}};
}

Failure<Error> in_use(const std::string& path) {
    return Failure{Error{path + ": another process uses it; each wants a store of its own"}};
}

std::string log_of(const std::string& path) {
    return path + "-wal";
}

bool has_bytes(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && status.st_size > 0;
}

bool names(const std::string& path, int fd) {
    struct stat named {};
    struct stat held {};
    return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &held) == 0 &&
           named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

Result<void> make_folder(const std::string& folder) {
    if (::access(folder.c_str(), F_OK) == 0) return {};
    if (auto parent = make_folder(folder_of(folder)); !parent) return parent;
    if (::mkdir(folder.c_str(), own_folder) != 0 && errno != EEXIST) return failed(folder);
    return {};
}

/// A new name is durable only when its folder is.
Result<void> sync_folder(const std::string& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) ::close(fd);
    errno = error;
    return synced ? Result<void>() : failed(folder);
}

/// Never over another file, where the file system can promise that.
bool give_name(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && ::access(to.c_str(), F_OK) != 0 &&
           ::rename(from.c_str(), to.c_str()) == 0;
}

std::uint32_t big_endian(const unsigned char* bytes) noexcept {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

}  // namespace

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<StoreFile> StoreFile::open(const std::string& path, const Fill& fill) {
    if (::access(path.c_str(), F_OK) == 0) return take(path);
    if (errno != ENOENT) return failed(path);
    if (has_bytes(log_of(path))) {
        return Failure{Error{path + " is gone, but " + log_of(path) +
                             " has changes that belong to it: put it back, or move both away"}};
    }
    return make(path, fill);
}

Result<StoreFile> StoreFile::take(const std::string& path) {
    StoreFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (file.fd_ < 0 || ::fstat(file.fd_, &status) != 0) return failed(path);
    if (!S_ISREG(status.st_mode)) return Failure{Error{path + ": not a file"}};
    if (auto locked = lock(file.fd_, path); !locked) return Failure{locked.error()};
    // Keys are in it. Where this may not be done (a read-only medium), serving goes before.
    if ((status.st_mode & of_others) != 0) ::fchmod(file.fd_, own_file);
    return file;
}

Result<StoreFile> StoreFile::make(const std::string& path, const Fill& fill) {
    if (auto folder = make_folder(folder_of(path)); !folder) return Failure{folder.error()};
    const std::string unnamed = path + ".new";
    StoreFile file(path,
                   ::open(unnamed.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, own_file));
    if (file.fd_ < 0) return failed(unnamed);
    if (auto locked = lock(file.fd_, path); !locked) return Failure{locked.error()};
    // Somebody else may have finished it between the two calls.
    if (!names(unnamed, file.fd_)) return in_use(path);
    if (::ftruncate(file.fd_, 0) != 0) return failed(unnamed);
    ::unlink((unnamed + "-journal").c_str());
    if (auto filled = fill(unnamed); !filled) {
        ::unlink(unnamed.c_str());
        return Failure{filled.error()};
    }
    if (::fsync(file.fd_) != 0 || !give_name(unnamed, path)) return failed(path);
    if (auto synced = sync_folder(folder_of(path)); !synced) return Failure{synced.error()};
    return file;
}

Result<void> StoreFile::lock(int fd, const std::string& path) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
    return errno == EWOULDBLOCK ? in_use(path) : failed(path);
}

StoreFile::StoreFile(StoreFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

StoreFile::~StoreFile() {
    let_go();
}

void StoreFile::let_go() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<void> StoreFile::take_again() {
    auto taken = take(path_);
    if (!taken) return Failure{taken.error()};
    fd_ = std::exchange(taken->fd_, -1);
    return {};
}

bool StoreFile::writable() const noexcept {
    return ::access(path_.c_str(), W_OK) == 0 && ::access(folder_of(path_).c_str(), W_OK) == 0;
}

bool StoreFile::still_there() const noexcept {
    return names(path_, fd_);
}

bool StoreFile::has_log() const noexcept {
    return has_bytes(log_of(path_));
}

StoreFile::Header StoreFile::header() const noexcept {
    constexpr std::string_view magic("SQLite format 3\0", 16);
    std::array<unsigned char, 100> bytes{};
    if (::pread(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return {};
    if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return {};
    return {true, big_endian(&bytes[60]), big_endian(&bytes[68])};
}

}  // namespace penstock::control
