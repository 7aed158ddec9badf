#include "ctl/completion.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "ctl/live_names.hpp"

namespace penstock::ctl {

namespace {

/// The command line as far as it is typed.
struct Position {
    const CLI::App* command;
    std::vector<std::string> positionals;  // of it
    const CLI::Option* wants_value = nullptr;
    ConnectionOptions connection;  // what has been said of it
    bool only_positionals = false;
};

/// The flag of that name in a command or above it.
const CLI::Option* find_flag(const CLI::App* command, const std::string& name) {
    for (; command != nullptr; command = command->get_parent()) {
        for (const CLI::Option* option : command->get_options()) {
            if (option->nonpositional() && option->check_name(name)) return option;
        }
    }
    return nullptr;
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

const CLI::App* find_command(const CLI::App& in, const std::string& name) {
    const auto below = in.get_subcommands([](const CLI::App*) { return true; });
    const auto found = std::find_if(below.begin(), below.end(),
                                    [&](const CLI::App* one) { return one->get_name() == name; });
    return found == below.end() ? nullptr : *found;
}

void note_connection(ConnectionOptions& into, const CLI::Option& flag, const std::string& value) {
    const std::string name = flag.get_name();
    const std::pair<const char*, std::string*> known[] = {{"--admin", &into.admin},
                                                          {"--token-file", &into.token_file},
                                                          {"--ca", &into.ca},
                                                          {"--client-cert", &into.client_cert},
                                                          {"--client-key", &into.client_key},
                                                          {"--server-name", &into.server_name}};
    for (const auto& [flag_name, text] : known) {
        if (name == flag_name) *text = value;
    }
}

void take_environment(ConnectionOptions& into, const CLI::App& root) {
    for (const CLI::Option* option : root.get_options()) {
        const char* value =
            option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
        if (value != nullptr) note_connection(into, *option, value);
    }
}

Position position_after(const CLI::App& root, const std::vector<std::string>& words) {
    Position at{.command = &root, .positionals = {}, .wants_value = nullptr, .connection = {}};
    take_environment(at.connection, root);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (at.wants_value != nullptr) {
            note_connection(at.connection, *std::exchange(at.wants_value, nullptr), word);
        } else if (!at.only_positionals && word == "--") {
            at.only_positionals = true;
        } else if (!at.only_positionals && word.size() > 1 && word.front() == '-') {
            const std::size_t equals = word.find('=');
            const CLI::Option* flag = find_flag(at.command, word.substr(0, equals));
            if (flag == nullptr || !takes_value(*flag)) continue;
            if (equals == std::string::npos)
                at.wants_value = flag;
            else
                note_connection(at.connection, *flag, word.substr(equals + 1));
        } else if (const CLI::App* below = find_command(*at.command, word)) {
            at.command = below;
        } else {
            at.positionals.push_back(word);
        }
    }
    return at;
}

/// What stands at the place of the next positional: "VHOST"; empty: nothing does.
std::string kind_of_next_positional(const Position& at) {
    std::size_t place = at.positionals.size();
    for (const CLI::Option* option : at.command->get_options()) {
        if (!option->get_positional()) continue;
        if (place == 0 || option->get_items_expected_max() > 1) return option->get_name(true);
        --place;
    }
    return {};
}

void add_choices(Candidates& into, const std::string& choices) {
    for (std::size_t at = 0; at <= choices.size();) {
        const std::size_t end = std::min(choices.find('|', at), choices.size());
        into.words.push_back({choices.substr(at, end - at), ""});
        at = end + 1;
    }
}

/// Values of a kind: from the API, the file system, or a list of choices.
void add_values(Candidates& into, const std::string& kind, const Position& at,
                const std::string& typed) {
    if (kind == "FILE")
        into.files = true;
    else if (kind.find('|') != std::string::npos)
        add_choices(into, kind);
    else
        into.words = live_names(at.connection, kind, at.positionals, typed);
}

void add_flags(Candidates& into, const Position& at) {
    for (const CLI::App* command = at.command; command != nullptr;
         command = command->get_parent()) {
        for (const CLI::Option* option : command->get_options()) {
            if (!option->nonpositional()) continue;
            const auto& long_names = option->get_lnames();
            const std::string name =
                long_names.empty() ? "-" + option->get_snames().front() : "--" + long_names.front();
            const bool is_known = std::any_of(into.words.begin(), into.words.end(),
                                              [&](const auto& one) { return one.word == name; });
            if (!is_known) into.words.push_back({name, option->get_description()});
        }
    }
}

void add_commands(Candidates& into, const CLI::App& command) {
    for (const CLI::App* below : command.get_subcommands([](const CLI::App*) { return true; })) {
        if (!below->get_group().empty())
            into.words.push_back({below->get_name(), below->get_description()});
    }
}

}  // namespace

Candidates complete(const CommandTree& tree, const std::vector<std::string>& words) {
    const std::string typed = words.empty() ? std::string() : words.back();
    const Position at = position_after(tree.root(), words);
    Candidates found;
    const std::size_t equals = typed.find('=');
    const CLI::Option* assigned = typed.starts_with("--") && equals != std::string::npos
                                      ? find_flag(at.command, typed.substr(0, equals))
                                      : nullptr;
    if (at.wants_value != nullptr) {
        add_values(found, at.wants_value->get_type_name(), at, typed);
    } else if (assigned != nullptr) {
        add_values(found, assigned->get_type_name(), at, typed.substr(equals + 1));
        for (Candidate& one : found.words) one.word.insert(0, typed.substr(0, equals + 1));
    } else if (!at.only_positionals && typed.starts_with('-')) {
        add_flags(found, at);
    } else {
        add_commands(found, *at.command);
        if (const std::string kind = kind_of_next_positional(at); !kind.empty())
            add_values(found, kind, at, typed);
    }
    std::erase_if(found.words, [&](const Candidate& one) { return !one.word.starts_with(typed); });
    return found;
}

}  // namespace penstock::ctl
