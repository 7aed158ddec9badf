// penstockctl config ...
#include <charconv>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ctl/apply.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/json_lines.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

constexpr const char* config_path = "/api/v1/config";
constexpr int exit_differs = 1;

struct DiffArguments {
    std::string file;
    bool exit_code = false;
};

struct RollbackArguments {
    std::uint64_t revision = 0;
    bool dry_run = false;
};

int get_config(Session& session) {
    const Document config = session.get(config_path);
    if (session.is_json())
        session.print_json(config.answer.body);
    else
        session.print(json_lines(config.root()));
    return 0;
}

PlannedPut plan_config(Session& session, const model::JsonDocument& document) {
    const auto compare = [](std::string_view, JsonView before, JsonView after,
                            const KnownIds& known) { return diff_configs(before, after, known); };
    return plan_put(session, "configuration", config_path, JsonView(document.root()), compare);
}

int apply_config(Session& session, const ApplyArguments& given) {
    const model::JsonDocument document = read_document(given.file);
    return carry_out(session, {plan_config(session, document)}, given);
}

int diff_config(Session& session, const DiffArguments& given) {
    const model::JsonDocument document = read_document(given.file);
    const PlannedPut planned = plan_config(session, document);
    const ApplyArguments only_show{.file = given.file, .dry_run = true, .yes = false};
    carry_out(session, {planned}, only_show);
    return given.exit_code && planned.changes_something() ? exit_differs : 0;
}

int list_revisions(Session& session) {
    const Document revisions = session.get("/api/v1/config/revisions");
    if (session.is_json()) {
        session.print_json(revisions.answer.body);
        return 0;
    }
    Table table({{"REVISION", Align::right}, {"WHEN"}, {"BY"}, {"WHAT"}});
    for (const JsonView revision : revisions.root().items()) {
        table.add({revision["revision"].text(), revision["when"].text(), revision["by"].text(),
                   revision["what"].text()});
    }
    if (table.empty())
        session.note("there are no revisions");
    else
        session.print(table);
    return 0;
}

int roll_back(Session& session, const RollbackArguments& given) {
    const Answer answer = session.ask(write("POST", "/api/v1/config/rollback", given.dry_run,
                                            fmt::format("{{\"revision\":{}}}", given.revision)));
    const Document now = Session::read(answer);
    session.report(answer, done(fmt::format("everything is as it was after revision {}; this is "
                                            "revision {}",
                                            given.revision, now.root()["revision"].text()),
                                given.dry_run));
    return 0;
}

}  // namespace

void add_configuration(CommandTree& tree) {
    CLI::App& config = tree.group("config", "The whole configuration as one document");
    tree.command(config, "get", "Print it, without secrets", get_config);

    const auto applied = arguments<ApplyArguments>();
    CLI::App& apply =
        tree.command(config, "apply", "Replace all of it, in one step, by a document",
                     [applied](Session& session) { return apply_config(session, *applied); });
    add_apply_options(apply, *applied);

    const auto compared = arguments<DiffArguments>();
    CLI::App& diff =
        tree.command(config, "diff", "Show what applying a document would change",
                     [compared](Session& session) { return diff_config(session, *compared); });
    diff.add_option("-f,--file", compared->file, "The document; - is stdin")
        ->required()
        ->type_name("FILE");
    diff.add_flag("--exit-code", compared->exit_code, "Exit 1 where something would change");

    tree.command(config, "revisions", "The last 100 changes, newest first", list_revisions);

    const auto back = arguments<RollbackArguments>();
    CLI::App& rollback =
        tree.command(config, "rollback", "Go back to what was after a revision",
                     [back](Session& session) { return roll_back(session, *back); });
    rollback.add_option("REVISION", back->revision, "Its number")->required()->type_name("");
    add_dry_run(rollback, back->dry_run);
}

}  // namespace penstock::ctl
