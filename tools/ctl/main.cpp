// The penstockctl program: the REST API from a terminal (SPEC section 11).
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

#include "ctl/command_tree.hpp"
#include "ctl/completion.hpp"
#include "ctl/completion_scripts.hpp"
#include "ctl/terminal.hpp"

namespace {

constexpr int exit_refused = 1;
constexpr int exit_usage = 2;

int refuse(const std::string& message, int code) {
    std::fprintf(stderr, "penstockctl: %s\n", message.c_str());
    return code;
}

/// For the shells' scripts: what may stand where the last word is being typed.
int print_candidates(const penstock::ctl::CommandTree& tree, int argc, char** argv) {
    const auto found = penstock::ctl::complete(tree, {argv + 2, argv + argc});
    std::puts(found.files ? ":files" : ":words");
    for (const auto& [word, help] : found.words)
        std::printf("%s\t%s\n", word.c_str(), penstock::ctl::printable(help).c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace penstock::ctl;
    CommandTree tree;
    add_commands(tree);
    if (argc >= 2 && argv[1] == complete_command) return print_candidates(tree, argc, argv);
    try {
        tree.root().parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        std::fputs(tree.root().help().c_str(), stdout);
        return 0;
    } catch (const CLI::ParseError& error) {
        const auto strays = tree.root().remaining(true);
        std::string message = strays.empty() || error.get_name() != "RequiredError"
                                  ? error.what()
                                  : "'" + strays.front() + "' is no command";
        std::replace(message.begin(), message.end(), '\n', ' ');
        return refuse(message + " (--help says what there is)", exit_usage);
    }
    Session session(tree.common());
    try {
        const int code = tree.chosen()(session);
        if (!session.flush()) return refuse("stdout does not take what is written", exit_refused);
        return code;
    } catch (const Refusal& refusal) {
        session.flush();
        for (const std::string& line : refusal.lines) refuse(line, exit_refused);
        return exit_refused;
    }
}
