#include "control/store/memory.hpp"

#include <utility>

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
    Before then;
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
        const auto before =
            at == content_.rows.end() ? std::nullopt : std::optional<std::string>(at->second);
        if (revision != nullptr) kept.before.emplace(key, before);
        if (before_group_) before_group_->emplace(key, before);
        if (change.value)
            content_.rows.insert_or_assign(key, *change.value);
        else if (at != content_.rows.end())
            content_.rows.erase(at);
    }
    if (revision == nullptr) return {};
    kept.revision = *revision;
    content_.revisions.push_back(std::move(kept));
    if (before_group_)
        ++in_group_;
    else
        forget_old_revisions();
    return {};
}

Result<void> MemoryStore::begin_group() {
    before_group_.emplace();
    in_group_ = 0;
    return {};
}

Result<void> MemoryStore::end_group(bool keep) {
    const Before before = std::exchange(before_group_, std::nullopt).value_or(Before());
    if (keep) {
        forget_old_revisions();
        return {};
    }
    for (const auto& [key, value] : before) {
        if (value)
            content_.rows.insert_or_assign(key, *value);
        else
            content_.rows.erase(key);
    }
    content_.revisions.resize(content_.revisions.size() - in_group_);
    return {};
}

void MemoryStore::forget_old_revisions() {
    while (content_.revisions.size() > kept_revisions) content_.revisions.pop_front();
}

}  // namespace penstock::control
