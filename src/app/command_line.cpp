#include "app/command_line.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "app/option_values.hpp"

namespace penstock::app {

namespace {

/// Flags that say where the document is cannot stand in it.
constexpr std::array flags_outside_documents{"--store", "--config", "--config-always"};

/// "--max-header-bytes" is maxHeaderBytes in a document.
std::string process_name(std::string_view flag) {
    std::string name;
    for (std::size_t i = 2; i < flag.size(); ++i) {
        const bool is_start = flag[i] == '-' && i + 1 < flag.size();
        if (is_start) ++i;
        name += is_start ? static_cast<char>(flag[i] - 'a' + 'A') : flag[i];
    }
    return name;
}

std::string environment_name(const std::string& flag) {
    std::string name = "PENSTOCK_";
    for (const char c : flag.substr(2))
        name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return name;
}

std::optional<CommandLineResult> done(CommandLineResult result) {
    return result;
}

}  // namespace

CommandLine::CommandLine()
    : app_("A reverse proxy whose routes change while it runs.", "penstock") {
    app_.set_help_flag("-h,--help", "Print this help");
    app_.add_flag("--version", version_,
                  "Print the versions of all parts, and the engines this kernel allows");
    app_.footer(
        "Every flag can stand in the environment as PENSTOCK_<FLAG>, e.g. "
        "PENSTOCK_MAX_HEADERS=50.\n"
        "Durations: 500ms, 60s, 5m. Sizes: 16k, 64m, 1g.");
    app_.get_formatter()->column_width(34);
}

void CommandLine::list(const std::string& group, const std::string& flag, const std::string& type,
                       const std::string& help, Take take, const std::string& fallback) {
    Flag& entry = add(flag, std::move(take));
    entry.is_list = true;
    auto* option =
        app_.add_option(flag, entry.values, help)->delimiter(',')->type_name(type)->group(group);
    option->envname(environment_name(flag));
    entry.option = option;
    if (!fallback.empty()) option->default_str(fallback);
}

void CommandLine::one(const std::string& group, const std::string& flag, const std::string& type,
                      const std::string& help, Take take, const std::string& fallback) {
    Flag& entry = add(flag, std::move(take));
    entry.values.resize(1);  // what CLI11 writes to; left alone where the flag is not given
    auto* option = app_.add_option(flag, entry.values[0], help)->type_name(type)->group(group);
    option->envname(environment_name(flag));
    entry.option = option;
    if (!fallback.empty()) option->default_str(fallback);
}

void CommandLine::toggle(const std::string& group, const std::string& flag, const std::string& help,
                         Take take) {
    Flag& entry = add(flag, std::move(take));
    entry.is_toggle = true;
    app_.add_flag_callback(
            flag, [&entry] { entry.values = {"on"}; }, help)
        ->group(group)
        ->envname(environment_name(flag));
}

void CommandLine::add_check() {
    check_ = app_.add_subcommand("check", "Validate a configuration document: exit 0 or 1");
    check_->add_option("FILE", file_to_check_, "What --config would take")->required();
}

Result<std::optional<CommandLineResult>> CommandLine::parse(int argc, const char* const* argv) {
    try {
        app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return done(Printout{check_->parsed() ? check_->help() : app_.help()});
    } catch (const CLI::ParseError& error) {
        std::string message = error.what();
        for (char& c : message) {
            if (c == '\n') c = ' ';
        }
        return Failure{Error{message + " (--help lists the flags)"}};
    }
    if (version_) return done(Printout{version_text()});
    if (check_->parsed()) return done(FileToCheck{file_to_check_});
    return std::optional<CommandLineResult>();
}

Result<void> CommandLine::convert() {
    for (auto& flag : flags_) {
        if (flag.option != nullptr && flag.option->count() == 0) continue;
        for (const std::string& value : flag.values) {
            if (value.empty()) return bad_value(flag.name, "''", "a value is wanted");
            const auto taken = flag.take(value);
            if (!taken) return taken;
        }
    }
    return {};
}

model::FieldErrors CommandLine::take(const model::ProcessFlags& process) {
    model::FieldErrors errors;
    for (const model::ProcessFlag& given : process.flags) {
        if (auto fault = take(given); !fault.empty())
            errors.push_back({model::child_pointer("/process", given.name), std::move(fault)});
    }
    return errors;
}

/// What is wrong with it; empty: nothing, or the flag was given elsewhere.
std::string CommandLine::take(const model::ProcessFlag& given) {
    const auto flag = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& one) {
        return process_name(one.name) == given.name;
    });
    if (flag == flags_.end()) return "is no flag of the program";
    if (std::find(flags_outside_documents.begin(), flags_outside_documents.end(), flag->name) !=
        flags_outside_documents.end())
        return "can stand on the command line and in the environment only";
    if (given.is_list && !flag->is_list) return "takes one value";
    for (const std::string& value : given.values) {
        if (flag->is_toggle && value != "true" && value != "false") return "must be true or false";
        if (value.empty()) return "a value is wanted";
        if (flag->is_given() || (flag->is_toggle && value == "false")) continue;
        if (const auto taken = flag->take(value); !taken) return taken.error().message;
    }
    return {};
}

CommandLine::Flag& CommandLine::add(const std::string& name, Take take) {
    return flags_.emplace_back(Flag{.name = name, .take = std::move(take), .values = {}});
}

}  // namespace penstock::app
