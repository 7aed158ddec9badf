#include "app/landlock.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock::app {

namespace {

// By their own numbers, which newer headers have names for: what is built here runs on newer
// kernels too.
constexpr std::uint64_t rights_of_version_1 = (1U << 13) - 1;
constexpr std::uint64_t refer = 1U << 13;                  // 2
constexpr std::uint64_t truncate = 1U << 14;               // 3
constexpr std::uint64_t use_devices = 1U << 15;            // 5
constexpr std::uint64_t scope_abstract_sockets = 1U << 0;  // 6
constexpr std::uint64_t scope_signals = 1U << 1;           // 6

constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t replacing = LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
constexpr std::uint64_t of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_FILE | truncate | use_devices;

/// struct landlock_ruleset_attr of version 6; older kernels take its beginning.
struct Attributes {
    std::uint64_t files = 0;
    std::uint64_t network = 0;
    std::uint64_t scopes = 0;
};

std::uint64_t handled_by(int version) noexcept {
    std::uint64_t rights = rights_of_version_1;
    if (version >= 2) rights |= refer;
    if (version >= 3) rights |= truncate;
    if (version >= 5) rights |= use_devices;
    return rights;
}

std::uint64_t rights_for(Landlock::Use use) noexcept {
    switch (use) {
        case Landlock::Use::read:
            return reading;
        case Landlock::Use::replace:
            return replacing;
        case Landlock::Use::change:
            return reading | replacing | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate;
        case Landlock::Use::execute:
            return reading | LANDLOCK_ACCESS_FS_EXECUTE;
    }
    return 0;
}

Failure<Error> failed(const std::string& what) {
    return Failure{Error{what + ": " + std::strerror(errno)}};
}

}  // namespace

int Landlock::version() noexcept {
    const long version =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? static_cast<int>(version) : 0;
}

Result<Landlock> Landlock::create(bool may_reach_abstract) {
    const int version = Landlock::version();
    Attributes attributes{.files = handled_by(version)};
    if (version >= 6)
        attributes.scopes = scope_signals | (may_reach_abstract ? 0 : scope_abstract_sockets);
    const std::size_t size = version >= 6 ? sizeof(attributes) : sizeof(attributes.files);
    const long fd = ::syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (fd < 0) return failed("Landlock");
    return Landlock(static_cast<int>(fd), version);
}

Landlock::Landlock(Landlock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), version_(other.version_) {}

Landlock::~Landlock() {
    if (fd_ >= 0) ::close(fd_);
}

Result<void> Landlock::allow(const std::string& path, Use use) {
    const int parent = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (parent < 0) {
        const bool is_absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        return is_absent ? Result<void>() : failed("Landlock: " + path);
    }
    struct stat status {};
    ::fstat(parent, &status);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights_for(use) & handled_by(version_);
    if (!S_ISDIR(status.st_mode)) rule.allowed_access &= of_files;
    rule.parent_fd = parent;
    const long added = rule.allowed_access == 0 ? 0
                                                : ::syscall(SYS_landlock_add_rule, fd_,
                                                            LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    // A pipe or a socket behind /dev/stdout, say: no file system that Landlock restricts.
    const bool is_outside = added != 0 && errno == EBADFD;
    Result<void> outcome = added == 0 || is_outside ? Result<void>() : failed("Landlock: " + path);
    ::close(parent);
    return outcome;
}

Result<bool> Landlock::enforce() {
    if (::syscall(SYS_landlock_restrict_self, fd_, 0) == 0) return true;
    if (errno == E2BIG) return false;
    return failed("Landlock");
}

}  // namespace penstock::app
