#include "ctl/apply.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ctl/confirm.hpp"
#include "ctl/input_file.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

constexpr unsigned not_found = 404;
constexpr unsigned precondition_failed = 412;

/// As it was when it was compared, or else 412.
Request conditional_put(const PlannedPut& planned, bool dry_run) {
    Request request = write("PUT", planned.path, dry_run, planned.body);
    if (planned.tag.empty())
        request.fields.emplace_back("If-None-Match", "*");
    else
        request.fields.emplace_back("If-Match", planned.tag);
    return request;
}

Answer put(Session& session, const PlannedPut& planned, bool dry_run) {
    Answer answer = session.try_to(conditional_put(planned, dry_run));
    if (answer.is_success()) return answer;
    Refusal refusal = refusal_of(answer);
    if (answer.status == precondition_failed) {
        refusal.lines.push_back(
            "somebody else has changed it since it was compared; nothing has been overwritten");
    }
    throw refusal;
}

std::size_t count(const std::vector<PlannedPut>& plan, ObjectDiff::Kind kind) {
    std::size_t number = 0;
    for (const PlannedPut& planned : plan) {
        number += static_cast<std::size_t>(
            std::count_if(planned.diffs.begin(), planned.diffs.end(),
                          [kind](const ObjectDiff& diff) { return diff.kind == kind; }));
    }
    return number;
}

std::string plan_text(const std::vector<PlannedPut>& plan, bool colour) {
    std::string text;
    for (const PlannedPut& planned : plan) {
        for (const ObjectDiff& diff : planned.diffs) text += diff_text(diff, colour);
        for (const std::string& path : planned.unshown)
            text += fmt::format("  ? {}: is set anew, and cannot be compared\n", printable(path));
    }
    using Kind = ObjectDiff::Kind;
    return text + fmt::format("{} added, {} changed, {} removed\n", count(plan, Kind::added),
                              count(plan, Kind::changed), count(plan, Kind::removed));
}

/// What would change goes to the terminal also where stdout is for JSON.
void show(Session& session, const std::vector<PlannedPut>& plan) {
    if (!session.is_json()) {
        session.print(plan_text(plan, session.has_colour()));
        session.flush();
    } else {
        std::fputs(plan_text(plan, false).c_str(), stderr);
    }
}

}  // namespace

void add_apply_options(CLI::App& command, ApplyArguments& into) {
    command.add_option("-f,--file", into.file, "The document; - is stdin")
        ->required()
        ->type_name("FILE");
    command.add_flag("--dry-run", into.dry_run, "Only show what would change");
    command.add_flag("-y,--yes", into.yes, "Do not ask, on a terminal either");
}

model::JsonDocument read_document(const std::string& file) {
    const std::string text = require(read_input(file));
    auto document = model::JsonDocument::parse(text);
    if (!document) throw Refusal{{fmt::format("{}: {}", file, document.error().text())}};
    return std::move(*document);
}

std::vector<ObjectDiff> compare_object(std::string_view what, JsonView before, JsonView after,
                                       const KnownIds& known) {
    ObjectDiff diff = diff_objects(std::string(what), before, after, known);
    if (diff.kind == ObjectDiff::Kind::unchanged) return {};
    return {std::move(diff)};
}

PlannedPut plan_put(Session& session, std::string_view what, const std::string& path,
                    JsonView given, Compare compare) {
    PlannedPut planned{.path = path, .body = given.json(), .tag = {}, .diffs = {}, .unshown = {}};
    std::optional<Document> before;
    Answer current = session.try_to({.method = "GET", .path = path, .body = {}, .fields = {}});
    if (current.status != not_found) {
        if (!current.is_success()) throw refusal_of(current);
        before = Session::read(std::move(current));
        planned.tag = before->tag();
    }
    const JsonView old = before ? before->root() : JsonView();
    try {
        const Document after = Session::read(put(session, planned, true));
        planned.diffs = compare(what, old, after.root(), KnownIds(given, old));
        planned.unshown = unshown_fields(given, after.root());
    } catch (Refusal& refusal) {
        refusal.lines.front().insert(0, fmt::format("{}: ", printable(what)));
        throw;
    }
    return planned;
}

std::vector<PlannedPut> plan_all(Session& session, const ApplyArguments& given, JsonView document,
                                 const ObjectKind& kind) {
    const auto objects = document.is_array() ? document.items() : std::vector<JsonView>{document};
    std::vector<PlannedPut> plan;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        const std::string name = objects[i][kind.key].text();
        if (name.empty()) {
            const std::string place = document.is_array() ? fmt::format("/{}", i) : "";
            throw Refusal{{fmt::format("{}: {}/{}: is missing", given.file, place, kind.key)}};
        }
        plan.push_back(plan_put(session, fmt::format("{} {}", kind.what, name),
                                fmt::format("{}/{}", kind.path, encoded(name)), objects[i],
                                compare_object));
    }
    return plan;
}

int carry_out(Session& session, const std::vector<PlannedPut>& plan, const ApplyArguments& given) {
    const bool is_needed = std::any_of(
        plan.begin(), plan.end(), [](const PlannedPut& one) { return one.changes_something(); });
    if (!is_needed) {
        if (!session.is_json()) session.print("nothing to change\n");
        return 0;
    }
    show(session, plan);
    if (given.dry_run) return 0;
    if (!given.yes && !confirm("Apply this?")) throw Refusal{{"nothing has been applied"}};
    std::size_t applied = 0;
    for (const PlannedPut& planned : plan) {
        if (!planned.changes_something()) continue;
        try {
            const Answer answer = put(session, planned, false);
            if (session.is_json()) session.print_json(answer.body);
            ++applied;
        } catch (Refusal& refusal) {
            if (applied > 0)
                refusal.lines.push_back(fmt::format("{} before it are applied", applied));
            throw;
        }
    }
    if (!session.is_json()) session.print("applied\n");
    return 0;
}

}  // namespace penstock::ctl
