// MemoryStore: configuration that ends with the process ("memory:").
//
// Control thread only.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "control/store/store.hpp"

namespace penstock::control {

class MemoryStore : public Store {
  public:
    Result<std::vector<Row>> rows(RowKind kind) override;
    Result<std::vector<Revision>> revisions() override;
    Result<std::vector<RowChange>> changes_back_to(std::uint64_t number) override;
    Result<void> commit(std::span<const RowChange> changes, const Revision* revision) override;
    Result<void> begin_group() override;
    Result<void> end_group(bool keep) override;

  private:
    using Key = std::pair<RowKind, std::string>;

    /// Rows that change, as they were before.
    using Before = std::map<Key, std::optional<std::string>>;

    struct Kept {
        Revision revision;
        Before before;
    };

    void forget_old_revisions();

    std::map<Key, std::string> rows_;
    std::deque<Kept> revisions_;
    std::optional<Before> before_group_;  // while there is a group
    std::size_t in_group_ = 0;            // of revisions_, the last ones
};

}  // namespace penstock::control
