#include "ctl/writes.hpp"

#include <utility>

namespace penstock::ctl {

Request write(std::string method, std::string path, bool dry_run, std::string body) {
    if (dry_run) path += "?dryRun=true";
    return {.method = std::move(method),
            .path = std::move(path),
            .body = std::move(body),
            .fields = {}};
}

std::string done(std::string_view what, bool dry_run) {
    std::string words(what);
    return dry_run ? words + " (dry run: nothing has changed)" : words;
}

void add_set(CLI::App& command, std::vector<std::string>& into) {
    command
        .add_option("--set", into,
                    "A further field: retries=3, health.maxFails=2, caCert=@FILE; repeatable")
        ->check([](const std::string& text) {
            const bool is_assignment = text.find('=') != std::string::npos && text.front() != '=';
            return is_assignment ? std::string() : "'" + text + "': FIELD=VALUE is wanted";
        })
        ->type_name("FIELD=VALUE")
        ->allow_extra_args(false);
}

}  // namespace penstock::ctl
