#include "app/privileges.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock::app {

namespace {

/// Descriptors for listeners, logs, the store and the control plane.
constexpr std::uint64_t reserved_files = 256;
/// Descriptors that kept backend connections may hold before clients are counted.
constexpr std::uint64_t most_pool_files = 4'096;

/// To be root among files, and to become somebody else.
constexpr std::uint64_t until_user_changes = 1U << CAP_SETUID | 1U << CAP_SETGID |
                                             1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH |
                                             1U << CAP_FOWNER | 1U << CAP_CHOWN;

constexpr std::uint64_t ring_memory = 1U << CAP_IPC_LOCK;

std::uint64_t mask_of(Capabilities kept) noexcept {
    switch (kept) {
        case Capabilities::none:
            return 0;
        case Capabilities::ring_memory:
            return ring_memory;
        case Capabilities::until_user_changes:
            return until_user_changes;
    }
    return 0;
}

Failure<Error> failed(const std::string& what) {
    return Failure{Error{what + ": " + std::strerror(errno)}};
}

/// A new binary that takes over is what we have become already.
bool is_already(uid_t uid, gid_t gid) {
    return uid != 0 && ::getuid() == uid && ::geteuid() == uid && ::getgid() == gid &&
           ::getegid() == gid;
}

}  // namespace

Result<Account> find_account(const std::optional<std::string>& user,
                             const std::optional<std::string>& group) {
    const passwd* account = user ? ::getpwnam(user->c_str()) : nullptr;
    if (user && account == nullptr) return Failure{Error{"--user " + *user + ": no such user"}};
    Account found{.user = account != nullptr ? account->pw_uid : ::getuid(),
                  .group = account != nullptr ? account->pw_gid : ::getgid()};
    if (group) {
        const ::group* entry = ::getgrnam(group->c_str());
        if (entry == nullptr) return Failure{Error{"--group " + *group + ": no such group"}};
        found.group = entry->gr_gid;
    }
    return found;
}

Result<void> drop_privileges(const std::optional<std::string>& user,
                             const std::optional<std::string>& group) {
    if (!user && !group) return {};
    const auto account = find_account(user, group);
    if (!account) return Failure{account.error()};
    const auto [uid, gid] = *account;
    if (is_already(uid, gid)) return {};
    if (user && ::initgroups(user->c_str(), gid) != 0) return failed("--user " + *user);
    if (!user && ::setgroups(1, &gid) != 0) return failed("--group " + *group);
    if (::setresgid(gid, gid, gid) != 0) return failed("--group");
    if (::setresuid(uid, uid, uid) != 0) return failed("--user");
    // Nobody may find a way back: the kernel must refuse.
    if (uid != 0 && ::setuid(0) == 0)
        return Failure{Error{"--user " + *user + ": privileges could not be dropped"}};
    return {};
}

bool turns_from_root(const std::optional<std::string>& user) {
    const passwd* account = user ? ::getpwnam(user->c_str()) : nullptr;
    return ::geteuid() == 0 && account != nullptr && account->pw_uid != 0;
}

Result<void> drop_capabilities(Capabilities kept) {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    // Where we may not, no_new_privs keeps a program that is run from having what we have not.
    for (unsigned long one = 0; ::prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
        const bool stays = kept == Capabilities::ring_memory && one == CAP_IPC_LOCK;
        if (!stays) ::prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
    }
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    if (::syscall(SYS_capget, &header, sets) != 0) return failed("capabilities");
    const std::uint64_t mask = mask_of(kept);
    for (auto& set : sets) {
        const bool is_first = &set == sets;
        set.permitted &= is_first ? static_cast<std::uint32_t>(mask) : 0;
        set.effective &= set.permitted;
        set.inheritable = 0;
    }
    if (::syscall(SYS_capset, &header, sets) != 0) return failed("capabilities");
    return {};
}

Result<void> gain_no_privileges() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no new privileges");
    return {};
}

Result<void> hide_memory() {
    const rlimit none{};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("no core dumps");
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("not dumpable");
    return {};
}

void raise_locked_memory_limit() {
    const rlimit unbounded{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &unbounded) == 0) return;
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_MEMLOCK, &limit);  // less than we would like is no reason to stop
}

std::uint64_t raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

std::uint64_t default_max_connections(std::uint64_t file_limit) {
    const std::uint64_t taken = reserved_files + std::min(most_pool_files, file_limit / 4);
    return file_limit > taken ? std::max<std::uint64_t>((file_limit - taken) / 10 * 9, 16) : 16;
}

Result<void> PidFile::open(const std::string& path) {
    path_ = path;
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    return fd_ >= 0 ? Result<void>() : failed("--pid-file " + path);
}

Result<void> PidFile::write() {
    if (fd_ < 0) return {};
    const std::string line = std::to_string(::getpid()) + "\n";
    const bool written = ::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, line.data(), line.size(), 0) ==
                                                         static_cast<ssize_t>(line.size());
    return written ? Result<void>() : failed("--pid-file " + path_);
}

void PidFile::give_to(uid_t user, gid_t group) noexcept {
    if (fd_ >= 0 && ::fchown(fd_, user, group) != 0) {
        // Then a new process says that it cannot write it.
    }
}

PidFile::~PidFile() {
    if (fd_ < 0) return;
    const std::string ours = std::to_string(::getpid()) + "\n";
    std::string found(ours.size(), ' ');
    const ssize_t size = ::pread(fd_, found.data(), found.size(), 0);
    if (size == static_cast<ssize_t>(ours.size()) && found == ours) {
        // Where its folder is another user's, it stays, and is empty.
        if (::unlink(path_.c_str()) != 0 && ::ftruncate(fd_, 0) != 0) path_.clear();
    }
    ::close(fd_);
}

}  // namespace penstock::app
