// What the program keeps itself from: each thing tried in a child that has confined itself, by the
// code that the program uses.
#include "app/confinement.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/landlock.hpp"
#include "app/system_calls.hpp"
#include "base/log.hpp"
#include "base/sanitizers.hpp"

using namespace penstock;
using namespace penstock::app;

namespace {

namespace fs = std::filesystem;

constexpr bool is_sanitized = PENSTOCK_ASAN != 0 || PENSTOCK_TSAN != 0;
constexpr int not_confined = 99;

/// The child's exit code; minus the signal that ended it.
template <class Act>
int in_child(Act act) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(act());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct Fixture {
    Fixture() {
        if (is_sanitized) SKIP("a sanitizer needs more than is left");
        if (Landlock::version() == 0) SKIP("this kernel has no Landlock");
        configure_log(LogLevel::off, LogFormat::text);
        std::string name = (fs::temp_directory_path() / "penstock-confined-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        const char* const argv[] = {"penstock"};
        options = std::get<Options>(*parse_options(1, argv));
        options.store = "sqlite:" + folder + "/store.db";
        options.sandbox = SandboxChoice::on;
    }
    ~Fixture() {
        fs::remove_all(folder);
        configure_log(LogLevel::info, LogFormat::text);
    }
    /// 0: as wanted; the errno, or what the child gives, else.
    template <class Act>
    int confined(Act act) {
        return in_child([&] { return confine(options, io::Engine::epoll) ? act() : not_confined; });
    }

    std::string folder;
    Options options;
};

/// 0, or why not.
int opens(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
}

int tries(long outcome) {
    return outcome < 0 ? errno : 0;
}

std::string of_status(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":"))
            return line.substr(line.find_first_not_of(" \t", name.size() + 1));
    }
    return {};
}

}  // namespace

TEST_CASE("confined, files are out of reach but for those that the options need") {
    Fixture fixture;
    const std::string elsewhere = fixture.folder + "-elsewhere";
    const auto opened = [&](const std::string& path, int flags) {
        return fixture.confined([&] { return opens(path, flags); });
    };
    CHECK(opened("/etc/shadow", O_RDONLY) == EACCES);
    CHECK(opened("/root/.profile", O_RDONLY) != 0);
    CHECK(opened(elsewhere, O_WRONLY | O_CREAT) == EACCES);
    CHECK_FALSE(fs::exists(elsewhere));
    CHECK(opened(fixture.folder + "/store.db", O_RDWR | O_CREAT) == 0);
    CHECK(opened("/etc/resolv.conf", O_RDONLY) != EACCES);
    CHECK(opened("/proc/self/statm", O_RDONLY) == 0);
    std::ofstream(elsewhere) << "not ours";
    CHECK(fixture.confined([&] { return tries(::unlink(elsewhere.c_str())); }) == EACCES);
    // Nor to be read, wherever the program was started: the working folder is nothing special.
    const fs::path before = fs::current_path();
    fs::current_path("/");
    CHECK(opened(elsewhere, O_RDONLY) == EACCES);
    fs::current_path(before);
    CHECK(fs::remove(elsewhere));
}

TEST_CASE("confined, a log that is a pipe stays open to us") {
    Fixture fixture;
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    fixture.options.access_log.target = "/proc/self/fd/" + std::to_string(pipe[1]);
    CHECK(fixture.confined([] { return 0; }) == 0);
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_CASE("confined, only the program's own folder can be run from") {
    Fixture fixture;
    const auto runs = [&](const std::string& path) {
        return fixture.confined([&] {
            const int null = ::open("/dev/null", O_WRONLY);
            ::dup2(null, STDOUT_FILENO);
            ::execl(path.c_str(), path.c_str(), "--list-tags", nullptr);
            return errno;
        });
    };
    CHECK(runs("/bin/true") == EACCES);
    CHECK(runs(fs::canonical("/proc/self/exe").string()) == 0);
}

TEST_CASE("confined, what only an intruder calls ends the process") {
    Fixture fixture;
    CHECK(fixture.confined([] { return tries(::ptrace(PTRACE_TRACEME)); }) == -SIGSYS);
    CHECK(fixture.confined([] { return tries(::unshare(CLONE_NEWUSER)); }) == -SIGSYS);
    CHECK(fixture.confined([] { return tries(::syscall(SYS_bpf, 0, 0, 0)); }) == -SIGSYS);
    CHECK(fixture.confined([] { return tries(::syscall(SYS_kexec_load, 0, 0, 0, 0)); }) == -SIGSYS);
}

TEST_CASE("confined, other calls are as if the kernel did not have them") {
    Fixture fixture;
    CHECK(fixture.confined([] { return tries(::syscall(SYS_inotify_init1, 0)); }) == ENOSYS);
    CHECK(fixture.confined([] { return tries(::socket(AF_PACKET, SOCK_RAW, 0)); }) == ENOSYS);
    CHECK(fixture.confined([] { return tries(::syscall(SYS_io_uring_setup, 1, nullptr)); }) ==
          ENOSYS);
    CHECK(fixture.confined([] {
        return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                   ? errno
                   : 0;
    }) == ENOSYS);
    CHECK(fixture.confined([] {
        return tries(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    }) == ENOSYS);
}

TEST_CASE("confined, threads, children and sockets go on", "[threads]") {
    Fixture fixture;
    CHECK(fixture.confined([] {
        int reached = 0;
        std::thread([&reached] { reached = 1; }).join();
        const int pair = tries(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) - 0L);
        return reached == 1 && pair == 0 && in_child([] { return 7; }) == 7 ? 0 : 1;
    }) == 0);
}

TEST_CASE("confined, a process has no capability, gains none, and signals nobody outside") {
    Fixture fixture;
    CHECK(fixture.confined([] {
        const std::string none(16, '0');
        return of_status("CapEff") == none && of_status("CapPrm") == none &&
                       of_status("NoNewPrivs") == "1" && of_status("Seccomp") == "2"
                   ? 0
                   : 1;
    }) == 0);
    if (Landlock::version() >= 6)
        CHECK(fixture.confined([] { return tries(::kill(::getppid(), 0)); }) == EPERM);
}

TEST_CASE("--sandbox off: no new privileges all the same, and nothing else") {
    Fixture fixture;
    fixture.options.sandbox = SandboxChoice::off;
    CHECK(fixture.confined([&] {
        const bool is_free =
            of_status("Seccomp") == "0" && opens(fixture.folder + "-free", O_WRONLY | O_CREAT) == 0;
        return is_free && of_status("NoNewPrivs") == "1" ? 0 : 1;
    }) == 0);
    CHECK(fs::remove(fixture.folder + "-free"));
}

TEST_CASE("a binary that takes over, and the next, are confined without end") {
    Fixture fixture;
    CHECK(fixture.confined([&] {
        const std::string filters = of_status("Seccomp_filters");
        for (int upgrade = 0; upgrade < 40; ++upgrade) {
            if (!confine(fixture.options, io::Engine::epoll)) return upgrade + 1;
        }
        return of_status("Seccomp_filters") == filters && opens("/etc/shadow", O_RDONLY) == EACCES
                   ? 0
                   : 50;
    }) == 0);
}

TEST_CASE("what the options name is in reach, wherever it is") {
    Fixture fixture;
    fixture.options.admin_token_file = fixture.folder + "/secrets/tokens";
    fixture.options.pid_file = fixture.folder + "/run/pid";
    fs::create_directory(fixture.folder + "/secrets");
    fs::create_directory(fixture.folder + "/run");
    std::ofstream(fixture.folder + "/secrets/tokens") << "old";
    std::ofstream(fixture.folder + "/run/pid") << "1";
    fixture.options.store = "memory:";
    CHECK(fixture.confined([&] { return opens(fixture.folder + "/secrets/tokens", O_RDONLY); }) ==
          0);
    CHECK(fixture.confined([&] { return opens(fixture.folder + "/secrets/tokens", O_RDWR); }) ==
          EACCES);
    CHECK(fixture.confined([&] { return opens(fixture.folder + "/store.db", O_RDWR | O_CREAT); }) ==
          EACCES);
    CHECK(fixture.confined(
              [&] { return opens(fixture.folder + "/run/pid", O_WRONLY | O_TRUNC); }) == 0);
    CHECK(fixture.confined(
              [&] { return tries(::unlink((fixture.folder + "/run/pid").c_str())); }) == 0);
}
