// What a process gives up once its sockets are bound, and what it leaves for its supervisor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <penstock/result.hpp>
#include <sys/types.h>

namespace penstock::app {

struct Account {
    uid_t user = 0;
    gid_t group = 0;
};

/// Of --user and --group; the process's own where one is not given.
Result<Account> find_account(const std::optional<std::string>& user,
                             const std::optional<std::string>& group);

/// --user and --group. For every thread of the process (glibc sees to it). The group defaults to
/// the user's own.
Result<void> drop_privileges(const std::optional<std::string>& user,
                             const std::optional<std::string>& group);

/// True where drop_privileges() turns root into somebody else: the kernel then takes every
/// capability from every thread.
bool turns_from_root(const std::optional<std::string>& user);

enum class Capabilities : std::uint8_t { none, ring_memory, until_user_changes };

/// What root's power is made of (capabilities(7)), given up for good, except for what reading
/// files and changing users takes where that is still to come, or for CAP_IPC_LOCK, with which the
/// memory of io_uring's rings is not counted. For the calling thread and those that it starts.
Result<void> drop_capabilities(Capabilities kept);

/// No program that is run from here on gains a right that we have not: set-user-ID bits and file
/// capabilities count for nothing (PR_SET_NO_NEW_PRIVS).
Result<void> gain_no_privileges();

/// No core dump is written, and no process of the same user may read our memory or attach to us
/// (prctl(2), PR_SET_DUMPABLE): keys and tokens are in it. For the program; an embedding one
/// decides for itself. /proc/PID then belongs to root.
Result<void> hide_memory();

/// Lets the memory of io_uring's rings be without bound, where we may: without CAP_IPC_LOCK the
/// kernel counts it (since Linux 6.14) for all processes of a user together, against
/// RLIMIT_MEMLOCK; while an upgrade lasts there are twice as many.
void raise_locked_memory_limit();

/// Raises the soft limit of open files to the hard one; returns what it is then.
std::uint64_t raise_file_limit();

/// --max-connections where it is not given (SPEC section 1): room is left for backends and for
/// ourselves.
std::uint64_t default_max_connections(std::uint64_t file_limit);

/// A file with the process's id. Taken away at the end, unless it has become another process's.
class PidFile {
  public:
    PidFile() = default;
    PidFile(const PidFile&) = delete;
    PidFile& operator=(const PidFile&) = delete;
    ~PidFile();

    /// With the rights that the process was started with; what stands in it stays.
    Result<void> open(const std::string& path);
    /// Our process id. Where open() has not been called, nothing happens.
    Result<void> write();
    /// The user that the process becomes may write it as well: a new process would (an upgrade).
    void give_to(uid_t user, gid_t group) noexcept;

  private:
    std::string path_;
    int fd_ = -1;
};

}  // namespace penstock::app
