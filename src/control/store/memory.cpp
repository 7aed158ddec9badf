#include "control/store/memory.hpp"

namespace penstock::control {

Result<std::vector<Row>> MemoryStore::rows(RowKind kind) {
    std::vector<Row> found;
    for (auto at = rows_.lower_bound({kind, ""}); at != rows_.end() && at->first.first == kind;
         ++at) {
        found.push_back({at->first.second, at->second});
    }
    return found;
}

Result<std::vector<Revision>> MemoryStore::revisions() {
    std::vector<Revision> found;
    for (const Kept& kept : revisions_) found.push_back(kept.revision);
    return found;
}

Result<std::vector<RowChange>> MemoryStore::changes_back_to(std::uint64_t number) {
    std::map<Key, std::optional<std::string>> then;
    for (const Kept& kept : revisions_) {
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
        const auto at = rows_.find(key);
        if (revision != nullptr) {
            kept.before.emplace(
                key, at == rows_.end() ? std::nullopt : std::optional<std::string>(at->second));
        }
        if (change.value)
            rows_.insert_or_assign(key, *change.value);
        else if (at != rows_.end())
            rows_.erase(at);
    }
    if (revision == nullptr) return {};
    kept.revision = *revision;
    revisions_.push_back(std::move(kept));
    if (revisions_.size() > kept_revisions) revisions_.pop_front();
    return {};
}

}  // namespace penstock::control
