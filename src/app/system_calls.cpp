#include "app/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include <linux/netlink.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.hpp"

namespace penstock::app {

namespace {

/// By name: numbers differ between machines, and not all of them have all of these.
constexpr const char* allowed[] = {
    // memory
    "brk", "munmap", "mremap", "madvise", "membarrier", "mlock", "mlock2", "munlock",
    // files
    "openat", "open", "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64",
    "pwritev", "lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock",
    "fsync", "fdatasync", "fallocate", "ftruncate", "fstat", "newfstatat", "stat", "lstat", "statx",
    "fstatfs", "statfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "chdir", "getdents64", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir",
    "mkdirat", "umask", "chmod", "fchmod", "fchmodat", "fchown", "lchown", "fchownat", "fadvise64",
    "pipe", "pipe2", "eventfd2", "signalfd4", "memfd_create", "utimensat",
    // sockets
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname",
    "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom",
    "recvmsg", "recvmmsg", "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2",
    // time
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    // threads and signals
    "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "tgkill",
    "tkill", "kill", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "getcpu", "arch_prctl", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "rt_sigpending", "rt_sigsuspend", "sigaltstack", "restart_syscall", "pause",
    "exit", "exit_group",
    // the process, and the binary that takes over from it
    "getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid",
    "getresuid", "getresgid", "getgroups", "setgroups", "setuid", "setresuid", "setresgid",
    "capget", "capset", "prlimit64", "getrlimit", "setrlimit", "getrusage", "uname", "sysinfo",
    "getrandom", "fork", "vfork", "execve", "wait4", "waitid", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self", "seccomp"};

constexpr const char* of_uring[] = {"io_uring_setup", "io_uring_enter", "io_uring_register"};

/// What nobody calls by mistake.
constexpr const char* deadly[] = {"ptrace",
                                  "process_vm_readv",
                                  "process_vm_writev",
                                  "pidfd_getfd",
                                  "kcmp",
                                  "kexec_load",
                                  "kexec_file_load",
                                  "init_module",
                                  "finit_module",
                                  "delete_module",
                                  "mount",
                                  "umount2",
                                  "pivot_root",
                                  "move_mount",
                                  "open_tree",
                                  "fsopen",
                                  "fsconfig",
                                  "fsmount",
                                  "fspick",
                                  "mount_setattr",
                                  "chroot",
                                  "setns",
                                  "unshare",
                                  "bpf",
                                  "perf_event_open",
                                  "userfaultfd",
                                  "add_key",
                                  "request_key",
                                  "keyctl",
                                  "reboot",
                                  "swapon",
                                  "swapoff",
                                  "open_by_handle_at",
                                  "iopl",
                                  "ioperm",
                                  "acct",
                                  "settimeofday",
                                  "clock_settime",
                                  "clock_adjtime",
                                  "adjtimex",
                                  "sethostname",
                                  "setdomainname",
                                  "quotactl",
                                  "syslog",
                                  "vhangup"};

constexpr std::uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr int name_memory = 0x53564d41;  // PR_SET_VMA: glibc names what it maps

/// An option of prctl(2) that does not exist: our own list answers it with a number of its own, so
/// that a new binary knows that it is in force already. (Each upgrade would else add one more.)
constexpr std::uint32_t mark = 0x5053'746b;

scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
    return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

scmp_arg_cmp is_masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

struct Released {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

/// A list as libseccomp builds it. Errors are remembered: the first one counts.
class Filter {
  public:
    Filter() : filter_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
        if (filter_ == nullptr) error_ = ENOMEM;
        set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        set(SCMP_FLTATR_CTL_NNP, 0);       // it is set already
        set(SCMP_FLTATR_CTL_SSB, 1);       // no slower speculation: nobody else's code runs here
        set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree
    }

    template <class... Conditions>
    void answer(std::uint32_t action, const char* name, Conditions... conditions) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number < 0 || error_ != 0) return;  // not on this kind of machine
        hash_ = hash_pair(hash_bytes(name, hash_), action);
        (hash_condition(conditions), ...);
        note(::seccomp_rule_add(filter_.get(), action, number, sizeof...(conditions),
                                conditions...));
    }
    void answer(std::uint32_t action, std::span<const char* const> names) {
        for (const char* name : names) answer(action, name);
    }

    /// Of what has been said so far, as an errno: 1 to 4095.
    int number() const noexcept { return static_cast<int>(hash_ % 3'000) + 1'000; }

    Result<void> load() {
        if (error_ == 0) note(::seccomp_load(filter_.get()));
        if (error_ == 0) return {};
        return Failure{Error{std::string("seccomp: ") + std::strerror(error_)}};
    }

  private:
    void hash_condition(const scmp_arg_cmp& condition) noexcept {
        hash_ = hash_pair(hash_ ^ condition.op, hash_pair(condition.arg, condition.datum_a));
    }
    void set(scmp_filter_attr attribute, std::uint32_t value) {
        if (error_ == 0) note(::seccomp_attr_set(filter_.get(), attribute, value));
    }
    void note(int outcome) noexcept {
        if (outcome < 0 && error_ == 0) error_ = -outcome;
    }

    std::unique_ptr<void, Released> filter_;
    std::uint64_t hash_ = 0;
    int error_ = 0;
};

/// Of calls that can do both, what we need.
void allow_in_part(Filter& filter) {
    const auto allow = [&filter](const char* name, auto... conditions) {
        filter.answer(SCMP_ACT_ALLOW, name, conditions...);
    };
    // Memory that can be written is not run.
    for (const std::uint64_t protection : {0, PROT_WRITE, PROT_EXEC}) {
        const auto wanted = is_masked(2, PROT_WRITE | PROT_EXEC, protection);
        allow("mmap", wanted);
        allow("mprotect", wanted);
    }
    // Flags of clone3 are where no filter sees them: with ENOSYS, glibc takes this one.
    allow("clone", is_masked(0, namespaces, 0));
    for (const std::uint64_t family : {AF_UNIX, AF_INET, AF_INET6}) allow("socket", is(0, family));
    allow("socket", is(0, AF_NETLINK), is(2, NETLINK_ROUTE));
    for (const std::uint64_t request : {FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCOUTQ, SIOCGIFNAME})
        allow("ioctl", is(1, request));
    for (const std::uint64_t option :
         {PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE,
          PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_GET_SECCOMP, PR_SET_PDEATHSIG,
          name_memory})
        allow("prctl", is(0, option));
    allow("prctl", is(0, PR_SET_DUMPABLE), is(1, 0));
}

}  // namespace

Result<SystemCalls> restrict_system_calls(bool with_uring) {
    Filter filter;
    filter.answer(SCMP_ACT_ALLOW, allowed);
    if (with_uring) filter.answer(SCMP_ACT_ALLOW, of_uring);
    allow_in_part(filter);
    filter.answer(SCMP_ACT_KILL_PROCESS, deadly);
    const int number = filter.number();
    if (::prctl(mark, 0, 0, 0, 0) != 0 && errno == number) return SystemCalls::inherited;
    filter.answer(SCMP_ACT_ERRNO(number), "prctl", is(0, mark));
    if (const auto loaded = filter.load(); !loaded) return Failure{loaded.error()};
    return SystemCalls::restricted;
}

}  // namespace penstock::app
