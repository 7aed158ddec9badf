#include "manual/mdoc.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace penstock::manual {

namespace {

constexpr std::size_t longest_line = 76;

/// One word for the middle of a line or a macro's argument.
std::string escaped(std::string_view word) {
    std::string text;
    for (const char c : word) {
        if (c == '\\')
            text += "\\e";
        else if (c == '"')
            text += "\\(dq";
        else if (c == '\'')
            text += "\\(aq";
        else if (c == '-')
            text += "\\-";
        else
            text += c;
    }
    return text;
}

/// An argument of a macro: what is punctuation there is made a word, and stays one word.
std::string argument(std::string_view word) {
    const std::string text = escaped(word);
    constexpr std::string_view punctuation = ".,:;()[]?!|";
    if (text.size() == 1 && punctuation.find(text) != std::string_view::npos) return "\\&" + text;
    return text.find(' ') == std::string::npos ? text : fmt::format("\"{}\"", text);
}

bool ends_sentence(std::string_view word) {
    return word.ends_with('.') || word.ends_with('!') || word.ends_with('?');
}

/// "Fl o , Fl -output": every name of a flag.
std::string names_of(const CLI::Option& option) {
    std::string names;
    for (const std::string& name : option.get_snames())
        names += fmt::format("{}Fl {}", names.empty() ? "" : " , ", argument(name));
    for (const std::string& name : option.get_lnames())
        names += fmt::format("{}Fl \\-{}", names.empty() ? "" : " , ", argument(name));
    return names;
}

std::string sentence(const std::string& text) {
    return prose(ends_sentence(text) ? text : text + ".");
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

std::string value_of(const CLI::Option& option) {
    return takes_value(option) ? " Ar " + argument(option.get_type_name()) : std::string();
}

std::vector<const CLI::Option*> shown_flags(const CLI::App& app) {
    std::vector<const CLI::Option*> shown;
    for (const CLI::Option* option : app.get_options()) {
        if (option->nonpositional() && !option->get_group().empty()) shown.push_back(option);
    }
    return shown;
}

std::string flag_item(const CLI::Option& option) {
    std::string text = fmt::format(".It {}{}\n{}", names_of(option), value_of(option),
                                   sentence(option.get_description()));
    if (const std::string fallback = option.get_default_str(); !fallback.empty())
        text += prose("Default: " + fallback + ".");
    return text;
}

/// With a group's flags among them.
std::string flag_list(const std::vector<const CLI::Option*>& flags) {
    if (flags.empty()) return {};
    std::string text = ".Bl -tag -width Ds\n";
    for (const CLI::Option* option : flags) text += flag_item(*option);
    return text + ".El\n";
}

/// "VHOST BACKEND ...", as arguments of one macro line.
std::string positionals_of(const CLI::App& command) {
    std::string text;
    for (const CLI::Option* option : command.get_options()) {
        if (!option->get_positional()) continue;
        const char* more = option->get_items_expected_max() > 1 ? " ..." : "";
        const std::string name = argument(option->get_name(true));
        text += option->get_required() ? fmt::format(" Ar {}{}", name, more)
                                       : fmt::format(" Op Ar {}{}", name, more);
    }
    return text;
}

/// Those of its own; -h is said once.
std::vector<const CLI::Option*> own_flags(const CLI::App& command) {
    auto flags = shown_flags(command);
    std::erase_if(flags,
                  [&](const CLI::Option* option) { return option == command.get_help_ptr(); });
    return flags;
}

std::string command_item(const CLI::App& command, const std::string& path) {
    std::string text = fmt::format(".It Cm {}{}", path, positionals_of(command));
    for (const CLI::Option* option : own_flags(command)) {
        if (option->get_required())
            text += fmt::format(" {}{}", names_of(*option), value_of(*option));
    }
    text += "\n" + sentence(command.get_description());
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional() && !option->get_description().empty()) {
            text += fmt::format(".Pp\n.Ar {} :\n{}", argument(option->get_name(true)),
                                sentence(option->get_description()));
        }
    }
    return text + flag_list(own_flags(command));
}

const auto any_command = [](const CLI::App*) { return true; };

}  // namespace

std::string prose(std::string_view text) {
    std::string lines, line;
    const auto end_line = [&] {
        if (!line.empty()) lines += line + '\n';
        line.clear();
    };
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        std::string word = escaped(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        if (line.size() + 1 + word.size() > longest_line) end_line();
        if (line.empty() && (word.front() == '.' || word.front() == '\'')) word.insert(0, "\\&");
        line += (line.empty() ? "" : " ") + word;
        if (ends_sentence(word)) end_line();
    }
    end_line();
    return lines;
}

std::string flags(const CLI::App& app) {
    const auto shown = shown_flags(app);
    std::vector<std::string> groups;
    for (const CLI::Option* option : shown) {
        if (std::find(groups.begin(), groups.end(), option->get_group()) == groups.end())
            groups.push_back(option->get_group());
    }
    std::string text;
    for (const std::string& group : groups) {
        std::vector<const CLI::Option*> of_group;
        std::copy_if(shown.begin(), shown.end(), std::back_inserter(of_group),
                     [&](const CLI::Option* option) { return option->get_group() == group; });
        if (groups.size() > 1)
            text += fmt::format(".Ss {}\n", group == "Options" ? "General" : group);
        text += flag_list(of_group);
    }
    return text;
}

std::string commands(const CLI::App& app) {
    std::string text;
    for (const CLI::App* command : app.get_subcommands(any_command)) {
        const auto below = command->get_subcommands(any_command);
        text += fmt::format(".Ss {}\n", command->get_name());
        if (!below.empty()) text += sentence(command->get_description());
        text += ".Bl -tag -width Ds\n";
        if (below.empty()) text += command_item(*command, command->get_name());
        for (const CLI::App* one : below)
            text += command_item(*one, command->get_name() + " " + one->get_name());
        text += ".El\n";
    }
    return text;
}

}  // namespace penstock::manual
