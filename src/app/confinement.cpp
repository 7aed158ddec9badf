#include "app/confinement.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "app/landlock.hpp"
#include "app/privileges.hpp"
#include "app/system_calls.hpp"
#include "base/sanitizers.hpp"

namespace penstock::app {

namespace {

namespace fs = std::filesystem;

constexpr bool is_sanitized = PENSTOCK_ASAN != 0 || PENSTOCK_TSAN != 0;
constexpr std::string_view sqlite_scheme = "sqlite:";

/// Libraries, authorities, names and times; what the kernel tells of us and our memory.
constexpr const char* of_system[] = {"/lib",
                                     "/lib64",
                                     "/usr/lib",
                                     "/usr/lib64",
                                     "/usr/local/lib",
                                     "/usr/share/ca-certificates",
                                     "/usr/local/share/ca-certificates",
                                     "/usr/share/zoneinfo",
                                     "/proc",
                                     "/sys/fs/cgroup",
                                     "/sys/devices/system",
                                     "/dev/urandom",
                                     "/dev/random",
                                     "/dev/null"};

/// Root would read every file of /etc: it keeps to these. Of others, the files' modes judge.
constexpr const char* of_etc[] = {"/etc/resolv.conf",    "/etc/hosts",         "/etc/nsswitch.conf",
                                  "/etc/host.conf",      "/etc/gai.conf",      "/etc/services",
                                  "/etc/passwd",         "/etc/group",         "/etc/localtime",
                                  "/etc/ld.so.cache",    "/etc/ld.so.preload", "/etc/ssl/certs",
                                  "/etc/ssl/openssl.cnf"};

/// Which may name files and folders, several with colons between.
constexpr const char* environment[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF",
                                       "LD_LIBRARY_PATH", "CREDENTIALS_DIRECTORY"};

std::string folder_of(const std::string& path) {
    const fs::path folder = fs::path(path).parent_path();
    return folder.empty() ? "." : folder.string();
}

/// Where it is in the end, however it is called; unchanged where it is not there.
std::string resolved(const std::string& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    return error ? path : real.string();
}

struct Objects {
    std::vector<std::string>& read;
    std::vector<std::string>& execute;
};

/// The folders of the loader, which execve(2) runs, and of what it has loaded.
int add_object(dl_phdr_info* info, std::size_t, void* into) {
    auto& objects = *static_cast<Objects*>(into);
    // Not the program itself, nor the vDSO, which is no file.
    if (info->dlpi_name == nullptr || std::strchr(info->dlpi_name, '/') == nullptr) return 0;
    const bool is_loader = info->dlpi_addr == ::getauxval(AT_BASE);
    const std::string folder = folder_of(resolved(info->dlpi_name));
    (is_loader ? objects.execute : objects.read).push_back(folder);
    return 0;
}

void add_environment(std::vector<std::string>& read) {
    for (const char* name : environment) {
        const char* value = std::getenv(name);
        if (value == nullptr) continue;
        std::string_view left = value;
        while (!left.empty()) {
            const std::size_t end = std::min(left.find(':'), left.size());
            if (end > 0) read.emplace_back(left.substr(0, end));
            left.remove_prefix(std::min(end + 1, left.size()));
        }
    }
}

/// A file of ours that comes and goes, in a folder that may be everybody's.
void add_own_file(Reach& reach, const std::string& path) {
    reach.replace.push_back(folder_of(path));
    reach.rewrite.push_back(path);
}

void add_sockets(Reach& reach, const Options& options) {
    std::vector<ListenOn> all = options.http;
    all.insert(all.end(), options.https.begin(), options.https.end());
    all.emplace_back(options.admin);
    for (const ListenOn& one : all) {
        const auto* address = std::get_if<net::Address>(&one);
        if (address == nullptr || address->family() != AF_UNIX) continue;
        reach.replace.push_back(folder_of(address->endpoint().substr(5)));
    }
}

/// Whoever replaces them makes new files: their folders count.
void add_given_files(Reach& reach, const Options& options) {
    for (const auto* file : {&options.config_file, &options.admin_token_file, &options.admin_cert,
                             &options.admin_key, &options.admin_client_ca}) {
        if (!*file) continue;
        reach.read.push_back(folder_of(**file));
        reach.read.push_back(folder_of(resolved(**file)));
    }
}

Result<bool> restrict_files(const Options& options) {
    const char* notify = std::getenv("NOTIFY_SOCKET");
    auto landlock = Landlock::create(notify != nullptr && *notify == '@');
    if (!landlock) return Failure{landlock.error()};
    const Reach reach = reach_of(options);
    const auto allow = [&landlock](const std::vector<std::string>& paths, Landlock::Use use) {
        Result<void> outcome;
        for (const std::string& path : paths) {
            if (outcome) outcome = landlock->allow(path, use);
        }
        return outcome;
    };
    for (const auto& [paths, use] : {std::pair{&reach.read, Landlock::Use::read},
                                     std::pair{&reach.change, Landlock::Use::change},
                                     std::pair{&reach.replace, Landlock::Use::replace},
                                     std::pair{&reach.rewrite, Landlock::Use::change},
                                     std::pair{&reach.execute, Landlock::Use::execute}}) {
        if (const auto allowed = allow(*paths, use); !allowed) return Failure{allowed.error()};
    }
    return landlock->enforce();
}

/// A word for the log, or with --sandbox on an error.
Result<std::string> confine_files(const Options& options) {
    const int version = Landlock::version();
    if (version == 0) {
        if (options.sandbox == SandboxChoice::on)
            return Failure{Error{"--sandbox on: this kernel has no Landlock"}};
        return std::string("not restricted: this kernel has no Landlock");
    }
    const auto enforced = restrict_files(options);
    if (!enforced) return Failure{Error{"--sandbox: " + enforced.error().message}};
    return (*enforced ? "restricted, Landlock " : "as inherited, Landlock ") +
           std::to_string(version);
}

Result<std::string> confine_system_calls(const Options& options, io::Engine engine) {
    const auto restricted = restrict_system_calls(engine == io::Engine::uring);
    if (restricted)
        return std::string(*restricted == SystemCalls::restricted ? "restricted" : "as inherited");
    if (options.sandbox == SandboxChoice::on)
        return Failure{Error{"--sandbox on: " + restricted.error().message}};
    return "not restricted: " + restricted.error().message;
}

}  // namespace

Reach reach_of(const Options& options) {
    Reach reach;
    reach.read.assign(std::begin(of_system), std::end(of_system));
    reach.rewrite.emplace_back("/dev/null");
    const bool stays_root = ::geteuid() == 0 && !turns_from_root(options.user);
    if (stays_root)
        reach.read.insert(reach.read.end(), std::begin(of_etc), std::end(of_etc));
    else
        reach.read.emplace_back("/etc");
    const std::string names = resolved("/etc/resolv.conf");
    if (!names.starts_with("/etc/")) reach.read.push_back(folder_of(names));
    add_environment(reach.read);
    add_given_files(reach, options);
    if (options.store.starts_with(sqlite_scheme))
        reach.change.push_back(folder_of(options.store.substr(sqlite_scheme.size())));
    // Its file is renamed away, and made anew under its name, in its folder.
    const std::string& log = options.access_log.target;
    if (!log.empty() && log != "-") {
        reach.change.push_back(folder_of(log));
        reach.rewrite.push_back(log);
    }
    if (options.pid_file) add_own_file(reach, *options.pid_file);
    add_sockets(reach, options);
    reach.execute.push_back(folder_of(resolved("/proc/self/exe")));
    Objects objects{reach.read, reach.execute};
    ::dl_iterate_phdr(&add_object, &objects);
    return reach;
}

Result<Confined> confine(const Options& options, io::Engine engine) {
    if (const auto done = gain_no_privileges(); !done) return Failure{done.error()};
    if (options.sandbox == SandboxChoice::off) return Confined();
    if (is_sanitized) {
        if (options.sandbox == SandboxChoice::on)
            return Failure{Error{"--sandbox on: this build is for a sanitizer, which needs more"}};
        const std::string why = "not restricted: a sanitizer watches this build";
        return Confined{.files = why, .system_calls = why};
    }
    auto kept = engine == io::Engine::uring ? Capabilities::ring_memory : Capabilities::none;
    if (turns_from_root(options.user)) kept = Capabilities::until_user_changes;
    if (const auto dropped = drop_capabilities(kept); !dropped) return Failure{dropped.error()};
    const auto files = confine_files(options);
    if (!files) return Failure{files.error()};
    const auto calls = confine_system_calls(options, engine);
    if (!calls) return Failure{calls.error()};
    const bool is_whole = !files->starts_with("not") && !calls->starts_with("not");
    return Confined{.files = *files, .system_calls = *calls, .is_whole = is_whole};
}

}  // namespace penstock::app
