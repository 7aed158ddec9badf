// penstock-manual: a manual page out of its prose and what the program knows of itself.
//
//   penstock-manual penstock|penstockctl SOURCE > PAGE
//
// SOURCE is mdoc(7); a line "@flags@" or "@commands@" stands for what is made.
#include <cstdio>
#include <fstream>
#include <string>

#include "app/options.hpp"
#include "ctl/command_tree.hpp"
#include "manual/mdoc.hpp"

namespace {

constexpr int exit_usage = 2;

struct Made {
    std::string flags;
    std::string commands;
};

Made made_for(const std::string& program) {
    Made made;
    const auto look = [&made](const CLI::App& app) {
        made = {penstock::manual::flags(app), penstock::manual::commands(app)};
    };
    if (program == "penstock") {
        penstock::app::look_at_flags(look);
    } else if (program == "penstockctl") {
        penstock::ctl::CommandTree tree;
        penstock::ctl::add_commands(tree);
        look(tree.root());
    }
    return made;
}

}  // namespace

int main(int argc, char** argv) {
    const Made made = argc == 3 ? made_for(argv[1]) : Made{};
    std::ifstream source(argc == 3 ? argv[2] : "");
    if (made.flags.empty() || !source) {
        std::fputs("penstock-manual: penstock or penstockctl, and a file, are wanted\n", stderr);
        return exit_usage;
    }
    for (std::string line; std::getline(source, line);) {
        if (line == "@flags@")
            std::fputs(made.flags.c_str(), stdout);
        else if (line == "@commands@")
            std::fputs(made.commands.c_str(), stdout);
        else
            std::puts(line.c_str());
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
