// Applying documents: first what would change, then the change, and only if nobody was faster.
//
// Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/document_diff.hpp"
#include "ctl/session.hpp"

namespace penstock::ctl {

struct ApplyArguments {
    std::string file;
    bool dry_run = false;
    bool yes = false;
};

/// -f, --dry-run, --yes.
void add_apply_options(CLI::App& command, ApplyArguments& into);

/// A PUT that has been tried without being done, and what it would change.
struct PlannedPut {
    std::string path;
    std::string body;
    std::string tag;  // of what it was compared with; empty: there was nothing
    std::vector<ObjectDiff> diffs;
    std::vector<std::string> unshown;  // fields that cannot be compared

    bool changes_something() const noexcept { return !diffs.empty() || !unshown.empty(); }
};

/// Lists what differs between the answers to GET and to the dry run.
using Compare = std::vector<ObjectDiff> (*)(std::string_view what, JsonView before, JsonView after,
                                            const KnownIds& known);

/// Compares `given`, the document's part that goes to `path`, with what is there. What the API
/// refuses is a Refusal, that begins with `what`.
PlannedPut plan_put(Session& session, std::string_view what, const std::string& path,
                    JsonView given, Compare compare);
/// For plan_put(): the object as a whole.
std::vector<ObjectDiff> compare_object(std::string_view what, JsonView before, JsonView after,
                                       const KnownIds& known);

/// A kind of objects that are applied one by one.
struct ObjectKind {
    const char* what;  // "route"
    const char* path;  // of the list of them
    const char* key;   // the member that names one
};
/// A plan for each object of a document: it is one, or an array of them.
std::vector<PlannedPut> plan_all(Session& session, const ApplyArguments& given, JsonView document,
                                 const ObjectKind& kind);

/// Shows what would change, asks, and does it. Returns the exit code.
int carry_out(Session& session, const std::vector<PlannedPut>& plan, const ApplyArguments& given);

/// The document in the file, read.
model::JsonDocument read_document(const std::string& file);

}  // namespace penstock::ctl
