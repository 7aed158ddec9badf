// CommandLine: flags as text, as the command line, the environment and a document give them, each
// with what takes its value.
//
// Start-up, main thread. Which flags there are is for options.cpp to say.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <penstock/result.hpp>

#include "app/options.hpp"
#include "model/process_flags.hpp"

namespace penstock::app {

/// The flags as CLI11 found them; converted by convert().
class CommandLine {
  public:
    /// Converts one value, and keeps it.
    using Take = std::function<Result<void>(const std::string&)>;

    CommandLine();

    void list(const std::string& group, const std::string& flag, const std::string& type,
              const std::string& help, Take take, const std::string& fallback = {});
    void one(const std::string& group, const std::string& flag, const std::string& type,
             const std::string& help, Take take, const std::string& fallback = {});
    /// A flag that takes no value.
    void toggle(const std::string& group, const std::string& flag, const std::string& help,
                Take take);
    void add_check();

    /// Empty: go on and convert().
    Result<std::optional<CommandLineResult>> parse(int argc, const char* const* argv);
    Result<void> convert();
    /// Those of a document that were given nowhere else, or what is wrong with them.
    model::FieldErrors take(const model::ProcessFlags& process);

  private:
    struct Flag {
        std::string name;
        Take take;
        std::vector<std::string> values;
        const CLI::Option* option = nullptr;  // null: the values are there only if it was given
        bool is_toggle = false;
        bool is_list = false;

        bool is_given() const { return option != nullptr ? option->count() > 0 : !values.empty(); }
    };

    /// What is wrong with it; empty: nothing, or the flag was given elsewhere.
    std::string take(const model::ProcessFlag& given);
    Flag& add(const std::string& name, Take take);

    CLI::App app_;
    CLI::App* check_ = nullptr;  // a subcommand; app_ owns it
    std::string file_to_check_;
    std::list<Flag> flags_;  // a list: CLI11 keeps references to the values
    bool version_ = false;
};

}  // namespace penstock::app
