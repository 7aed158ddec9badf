// CommandTree: every command with its arguments, as help, completion and the manual page show them
// too.
//
// Names in capitals say what stands there: VHOST, BACKEND, DOMAIN, PROVIDER, REVISION are completed
// from what the API has, FILE from the file system, "a|b" is one of these words. Main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/session.hpp"

namespace penstock::ctl {

class CommandTree {
  public:
    /// Returns the exit code.
    using Run = std::function<int(Session&)>;

    CommandTree();
    CommandTree(const CommandTree&) = delete;
    CommandTree& operator=(const CommandTree&) = delete;

    CLI::App& root() noexcept { return root_; }
    const CLI::App& root() const noexcept { return root_; }
    CommonOptions& common() noexcept { return common_; }

    /// A command that only has others below it.
    CLI::App& group(const std::string& name, const std::string& help);
    CLI::App& command(CLI::App& above, const std::string& name, const std::string& help, Run run);

    /// After root().parse(): what the command line asks for.
    const Run& chosen() const;

  private:
    void add_common_options();

    CLI::App root_;
    CommonOptions common_;
    std::string output_ = "table";
    std::string timeout_ = "30s";
    std::map<const CLI::App*, Run> runs_;
};

/// What the arguments of a command are kept in: they live as long as the command.
template <class T>
std::shared_ptr<T> arguments() {
    return std::make_shared<T>();
}

/// An argument that has to be there.
CLI::Option* add_positional(CLI::App& command, const std::string& name, std::string& into,
                            const std::string& help);
CLI::Option* add_option(CLI::App& command, const std::string& flags, const std::string& kind,
                        std::string& into, const std::string& help);
/// For check(): what is wrong with a word, or nothing.
std::function<std::string(const std::string&)> one_of(std::vector<std::string> words);
std::string check_duration(const std::string& text);
/// --dry-run, of every write.
void add_dry_run(CLI::App& command, bool& into);

// One of each file of commands.
void add_routes(CommandTree& tree);
void add_backends(CommandTree& tree);
void add_certificates(CommandTree& tree);
void add_auth(CommandTree& tree);
void add_statistics(CommandTree& tree);
void add_events(CommandTree& tree);
void add_configuration(CommandTree& tree);
void add_process(CommandTree& tree);
void add_completion(CommandTree& tree);

/// All of them.
void add_commands(CommandTree& tree);

}  // namespace penstock::ctl
