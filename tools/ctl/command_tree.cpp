#include "ctl/command_tree.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "model/units.hpp"

namespace penstock::ctl {

/// CLI11 checks a value by a text: what is wrong with it, or nothing.
std::string check_duration(const std::string& text) {
    const auto parsed = model::parse_duration(text);
    return parsed ? std::string() : "'" + text + "': " + parsed.error().message;
}

std::function<std::string(const std::string&)> one_of(std::vector<std::string> words) {
    return [words = std::move(words)](const std::string& text) {
        const bool is_known = std::find(words.begin(), words.end(), text) != words.end();
        return is_known ? std::string()
                        : fmt::format("'{}' is none of {}", text, fmt::join(words, ", "));
    };
}

CommandTree::CommandTree() : root_("Works with a running penstock: its REST API.", "penstockctl") {
    root_.set_help_flag("-h,--help", "Print this help");
    root_.fallthrough();
    root_.require_subcommand(1);
    root_.get_formatter()->column_width(34);
    add_common_options();
}

void CommandTree::add_common_options() {
    ConnectionOptions& connection = common_.connection;
    add_option(root_, "--admin", "URL", connection.admin,
               "Where the API is: http://HOST:PORT, https://HOST:PORT or unix:PATH")
        ->envname("PENSTOCK_ADMIN")
        ->default_str(connection.admin);
    add_option(root_, "--token-file", "FILE", connection.token_file,
               "A file whose first line begins with the API's bearer token")
        ->envname("PENSTOCK_TOKEN_FILE");
    add_option(root_, "--ca", "FILE", connection.ca,
               "Who may have signed the API's certificate (PEM; default: the system's store)")
        ->envname("PENSTOCK_CA");
    add_option(root_, "--client-cert", "FILE", connection.client_cert,
               "The certificate chain to show to the API (PEM)")
        ->envname("PENSTOCK_CLIENT_CERT");
    add_option(root_, "--client-key", "FILE", connection.client_key,
               "The private key of --client-cert (PEM)")
        ->envname("PENSTOCK_CLIENT_KEY");
    add_option(root_, "--server-name", "NAME", connection.server_name,
               "The name that the API's certificate has to bear, where it is not the URL's host");
    add_option(root_, "-o,--output", "table|json", output_,
               "Tables for people, or the API's own JSON")
        ->check(one_of({"table", "json"}))
        ->default_str("table");
    add_option(root_, "--timeout", "TIME", timeout_, "How long an answer may take: 500ms, 30s, 2m")
        ->check(check_duration)
        ->default_str("30s");
    root_.callback([this] {
        common_.is_json = output_ == "json";
        common_.connection.timeout = *model::parse_duration(timeout_);
    });
}

CLI::App& CommandTree::group(const std::string& name, const std::string& help) {
    CLI::App& made = *root_.add_subcommand(name, help);
    made.require_subcommand(1);
    return made;
}

CLI::App& CommandTree::command(CLI::App& above, const std::string& name, const std::string& help,
                               Run run) {
    CLI::App& made = *above.add_subcommand(name, help);
    runs_[&made] = std::move(run);
    return made;
}

const CommandTree::Run& CommandTree::chosen() const {
    const CLI::App* at = &root_;
    for (auto below = at->get_subcommands(); !below.empty(); below = at->get_subcommands())
        at = below.front();
    const auto run = runs_.find(at);
    PENSTOCK_ASSERT(run != runs_.end());
    return run->second;
}

CLI::Option* add_positional(CLI::App& command, const std::string& name, std::string& into,
                            const std::string& help) {
    return command.add_option(name, into, help)->required()->type_name("");
}

CLI::Option* add_option(CLI::App& command, const std::string& flags, const std::string& kind,
                        std::string& into, const std::string& help) {
    return command.add_option(flags, into, help)->type_name(kind);
}

void add_dry_run(CLI::App& command, bool& into) {
    command.add_flag("--dry-run", into, "Let the API check it, and change nothing");
}

void add_commands(CommandTree& tree) {
    add_routes(tree);
    add_backends(tree);
    add_certificates(tree);
    add_auth(tree);
    add_statistics(tree);
    add_events(tree);
    add_configuration(tree);
    add_process(tree);
    add_completion(tree);
}

}  // namespace penstock::ctl
