// CommandLine: the program's flags as CLI11 knows them: found on the command line and in the
// environment as text, converted in a second step, and taken from a document in a third.
//
// Used once, at start, on the main thread. Which flags there are is said in options.cpp.
#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <penstock/result.hpp>

#include "app/options.hpp"

namespace penstock::app {

class CommandLine {
  public:
    /// Converts one value, and puts it where it belongs.
    using Take = std::function<Result<void>(const std::string&)>;

    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    // `fallback`: the default in words. A flag without a group is not shown by --help.

    /// A flag that may stand there several times.
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

    const CLI::App& app() const noexcept { return app_; }

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

    std::string take(const model::ProcessFlag& given);
    Flag& add(const std::string& name, Take take);

    CLI::App app_;
    CLI::App* check_ = nullptr;  // a subcommand; app_ owns it
    std::string file_to_check_;
    std::list<Flag> flags_;  // a list: CLI11 keeps references to the values
    bool version_ = false;
};

}  // namespace penstock::app
