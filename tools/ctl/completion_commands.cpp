// penstockctl completion ...
#include <memory>
#include <string>

#include "ctl/command_tree.hpp"
#include "ctl/completion_scripts.hpp"

namespace penstock::ctl {

void add_completion(CommandTree& tree) {
    const auto shell = arguments<std::string>();
    CLI::App& completion =
        tree.command(tree.root(), "completion", "Print the completion script of a shell",
                     [shell](Session& session) {
                         session.print(completion_script(*shell));
                         return 0;
                     });
    add_positional(completion, "bash|zsh|fish", *shell, "The shell")
        ->check(one_of({"bash", "zsh", "fish"}));
}

}  // namespace penstock::ctl
