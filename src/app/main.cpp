// The penstock program: options in, a ProxyManager that runs until a signal ends it.
#include <cstdio>
#include <string>
#include <variant>

#include <penstock/proxy_manager.hpp>
#include <unistd.h>

#include "app/confinement.hpp"
#include "app/options.hpp"
#include "app/privileges.hpp"
#include "app/service_manager.hpp"
#include "app/signals.hpp"
#include "app/start_process.hpp"
#include "base/log.hpp"
#include "control/config_file.hpp"

namespace {

constexpr int exit_bad_document = 1;
constexpr int exit_refused = 2;

int refuse(const std::string& message) {
    std::fprintf(stderr, "penstock: %s\n", message.c_str());
    return exit_refused;
}

int check(const std::string& path) {
    const auto checked = penstock::control::check_config_file(path, &penstock::app::check_process);
    if (checked) {
        std::printf("%s: good\n", path.c_str());
        return 0;
    }
    for (const std::string& line : checked.error()) std::fprintf(stderr, "%s\n", line.c_str());
    return exit_bad_document;
}

/// On a terminal and without routes: what to type next.
void greet(const penstock::app::Options& options) {
    const std::string admin = options.admin.endpoint();
    const bool is_unix = admin.starts_with("unix:");
    const std::string scheme = options.admin_cert ? "https://" : "http://";
    const std::string url =
        is_unix ? "--unix-socket " + admin.substr(5) + " " + scheme + "localhost" : scheme + admin;
    const char* token = options.admin_token_file ? " -H \"Authorization: Bearer $TOKEN\"" : "";
    std::fprintf(stderr,
                 "No routes yet. Add the first one:\n"
                 "  curl -X POST %s/api/v1/routes%s -H 'Content-Type: application/json' \\\n"
                 "    -d '{\"vHost\": \"*\", \"backends\": [{\"hostname\": \"127.0.0.1\", "
                 "\"port\": 3000}]}'\n",
                 url.c_str(), token);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace penstock;
    auto parsed = app::parse_options(argc, argv, &app::process_to_start_with);
    if (!parsed) return refuse(parsed.error().message);
    if (const auto* printout = std::get_if<app::Printout>(&*parsed)) {
        std::fputs(printout->text.c_str(), stdout);
        return 0;
    }
    if (const auto* file = std::get_if<app::FileToCheck>(&*parsed)) return check(file->path);
    auto& options = std::get<app::Options>(*parsed);
    options.confine = &app::confine;
    const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
    configure_log(options.log_level,
                  options.log_format.value_or(on_terminal ? LogFormat::text : LogFormat::json));

    if (const auto hidden = app::hide_memory(); !hidden) return refuse(hidden.error().message);
    const app::ServiceManager manager;
    app::block_ending_signals();
    ProxyManager proxy(options);
    if (const auto started = proxy.start(); !started) return refuse(started.error().message);
    if (on_terminal && proxy.router().routes().empty()) greet(options);
    manager.ready("Serving");
    app::wait_for_ending_signal();
    manager.stopping();
    log(LogLevel::info, "draining: a second signal ends at once");
    proxy.stop(&app::another_ending_signal);
    log(LogLevel::info, "stopped");
    return 0;
}
