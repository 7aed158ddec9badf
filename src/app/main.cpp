// The penstock program: options in, a proxy that runs until a signal ends it, or a new process
// takes its place.
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include <unistd.h>

#include "app/confinement.hpp"
#include "app/lifecycle.hpp"
#include "app/options.hpp"
#include "app/predecessor.hpp"
#include "app/privileges.hpp"
#include "app/proxy.hpp"
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
    const app::Program program = app::Program::of(argc, argv);
    auto before = app::Predecessor::of_environment();
    if (!before) return refuse(before.error().message);
    app::Predecessor* const predecessor = before->get();
    const auto give_up = [predecessor](const std::string& why) {
        if (predecessor != nullptr) predecessor->failed(why);
        return refuse(why);
    };
    auto parsed = app::parse_options(argc, argv, [predecessor](const app::Options& options) {
        return app::process_to_start_with(options, predecessor);
    });
    if (!parsed) return give_up(parsed.error().message);
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

    if (const auto hidden = app::hide_memory(); !hidden) return give_up(hidden.error().message);
    const app::ServiceManager manager;
    const app::Signals signals;
    app::Proxy proxy(options);
    app::Lifecycle lifecycle(proxy, signals, manager, program, options.upgrade_timeout);
    app::Surroundings surroundings{.predecessor = predecessor,
                                   .upgrade = [&lifecycle](control::UpgradeDone done) {
                                       lifecycle.ask_for_upgrade(std::move(done));
                                   }};
    if (const auto period = manager.watchdog_period()) {
        surroundings.alive_period = *period / 2;
        surroundings.alive = [&manager] { manager.alive(); };
    }
    if (const auto started = proxy.start(std::move(surroundings)); !started)
        return give_up(started.error().message);
    before->reset();
    if (on_terminal && proxy.routes().empty()) greet(options);
    lifecycle.run();
    lifecycle.drain();
    log(LogLevel::info, "stopped");
    return 0;
}
