#include "control/store/memory.hpp"

namespace penstock::control {

Result<std::vector<Row>> MemoryStore::rows(RowKind kind) {
    std::vector<Row> found;
    for (auto at = content_.rows.lower_bound({kind, ""});
         at != content_.rows.end() && at->first.first == kind; ++at) {
        found.push_back({at->first.second, at->second});
    }
    return found;
}

Result<std::vector<Revision>> MemoryStore::revisions() {
    std::vector<Revision> found;
    for (const Kept& kept : content_.revisions) found.push_back(kept.revision);
    return found;
}

Result<std::vector<RowChange>> MemoryStore::changes_back_to(std::uint64_t number) {
    std::map<Key, std::optional<std::string>> then;
    for (const Kept& kept : content_.revisions) {
        // The first that changed it after that revision found it as it was there.
        if (kept.revision.number > number) then.insert(kept.before.begin(), kept.before.end());
    }
    std::vector<RowChange> changes;
    for (auto& [key, value] : then) changes.push_back({key.first, key.second, value});
    return changes;
}

Result<void> MemoryStore::commit(std::span<const RowChange> changes, const Revision* revision) {
    Kept kept;
    for (const RowChange& change : changes) {
        const Key key(change.kind, change.id);
        const auto at = content_.rows.find(key);
        if (revision != nullptr) {
            kept.before.emplace(key, at == content_.rows.end()
                                         ? std::nullopt
                                         : std::optional<std::string>(at->second));
        }
        if (change.value)
            content_.rows.insert_or_assign(key, *change.value);
        else if (at != content_.rows.end())
            content_.rows.erase(at);
    }
    if (revision == nullptr) return {};
    kept.revision = *revision;
    content_.revisions.push_back(std::move(kept));
    if (content_.revisions.size() > kept_revisions) content_.revisions.pop_front();
    return {};
}

}  // namespace penstock::control
