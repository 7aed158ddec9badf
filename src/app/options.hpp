// Options: the command line and the environment as plain data (SPEC section 1).
//
// Read once, at start, on the main thread. Errors are one line that names the flag; main() prints
// it and exits 2.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <penstock/result.hpp>

#include "base/log.hpp"
#include "io/ring.hpp"
#include "model/process_flags.hpp"
#include "net/address.hpp"
#include "proxy/access_log/access_log.hpp"
#include "proxy/settings.hpp"

namespace CLI {
class App;
}

namespace penstock::app {

/// Where clients are listened for: an address to bind, or a descriptor that was handed over
/// listening.
using ListenOn = std::variant<net::Address, int>;

/// --sandbox: as much as the kernel has, all of it or no start, or nothing.
enum class SandboxChoice : std::uint8_t { automatic, on, off };

/// What has come of it, in words for the log; empty where there is nothing to say.
struct Confined {
    std::string files;
    std::string system_calls;
    bool is_whole = true;
};

enum class EngineChoice : std::uint8_t { automatic, uring, epoll };

struct PinAuto {};
struct PinOff {};
using Pinning = std::variant<PinAuto, PinOff, std::vector<unsigned>>;  // or these CPUs, in turn

struct Options {
    std::vector<ListenOn> http;
    std::vector<ListenOn> https;
    std::optional<std::uint16_t> https_public_port;  // empty: the first of https
    net::Address admin;
    std::optional<int> admin_fd;  // listening there already: it was handed over
    std::vector<std::string> admin_hosts;
    std::optional<std::string> admin_token_file;
    std::optional<std::string> admin_cert;  // with its key, or neither
    std::optional<std::string> admin_key;
    std::optional<std::string> admin_client_ca;
    std::optional<unsigned> workers;  // empty: one for each CPU that the process may use
    Pinning pinning;
    unsigned auth_threads = 1;
    EngineChoice engine = EngineChoice::automatic;
    std::string store = "sqlite:penstock.db";
    std::optional<std::string> config_file;
    bool config_always = false;
    std::vector<net::Address> resolvers;  // none: those of resolv.conf
    proxy::Settings proxy;                // an empty node_name: made of the id that the store keeps
    std::optional<std::uint64_t> max_connections;  // empty: from RLIMIT_NOFILE
    std::optional<std::uint64_t> max_memory;       // empty: what there is; 0: no bound
    std::chrono::milliseconds drain_timeout{30'000};
    std::chrono::milliseconds upgrade_timeout{60'000};
    std::chrono::milliseconds watchdog{2'000};  // zero: none
    LogLevel log_level = LogLevel::info;
    std::optional<LogFormat> log_format;  // empty: text on a terminal, else JSON
    std::string otlp;                     // the collector's URL; empty: nothing is traced
    proxy::AccessLogOptions access_log;   // without a target it is off; the format is log_format's
    std::optional<std::string> user;
    std::optional<std::string> group;
    std::optional<std::string> pid_file;
    SandboxChoice sandbox = SandboxChoice::automatic;
    /// Called once the sockets are bound, before the first thread starts; null: nothing is (an
    /// embedding program).
    Result<Confined> (*confine)(const Options&, io::Engine) = nullptr;
};

/// A text for stdout and exit 0: --help and --version.
struct Printout {
    std::string text;
};

/// `penstock check FILE`.
struct FileToCheck {
    std::string path;
};

/// What the program is asked to do.
using CommandLineResult = std::variant<Options, Printout, FileToCheck>;

/// Gives the `process` of the configuration that a start with these options goes by.
using ProcessSource = std::function<Result<model::ProcessFlags>(const Options&)>;

/// A flag of the command line counts before one of the environment, and that before one of
/// `process`; without a source there is none.
Result<CommandLineResult> parse_options(int argc, const char* const* argv,
                                        const ProcessSource& source = {});

/// What is wrong with a document's `process`, with pointers below "/process". Of flags that do not
/// go together nothing is said before the start.
model::FieldErrors check_process(const model::ProcessFlags& process);

/// Shows all flags as they are described to CLI11: for the manual page.
void look_at_flags(const std::function<void(const CLI::App&)>& look);

/// What --version prints: our version and commit, the libraries', and the engines that this kernel
/// allows.
std::string version_text();

}  // namespace penstock::app
