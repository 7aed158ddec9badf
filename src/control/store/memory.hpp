// MemoryStore: configuration that ends with the process ("memory:").
//
// Control thread only.
#pragma once

#include <utility>

#include "control/store/memory_content.hpp"
#include "control/store/store.hpp"

namespace penstock::control {

class MemoryStore : public Store {
  public:
    explicit MemoryStore(MemoryContent content = {}) : content_(std::move(content)) {}

    Result<std::vector<Row>> rows(RowKind kind) override;
    Result<std::vector<Revision>> revisions() override;
    Result<std::vector<RowChange>> changes_back_to(std::uint64_t number) override;
    Result<void> commit(std::span<const RowChange> changes, const Revision* revision) override;
    Result<int> lend() override { return write_content(content_); }
    /// What has been lent was a copy.
    Result<void> take_back() override { return {}; }
    Result<void> begin_group() override;
    Result<void> end_group(bool keep) override;

  private:
    using Key = MemoryContent::Key;
    using Kept = MemoryContent::Kept;

    using Before = MemoryContent::Before;

    void forget_old_revisions();

    MemoryContent content_;
    std::optional<Before> before_group_;  // while there is a group
    std::size_t in_group_ = 0;            // of the revisions, the last ones
};

}  // namespace penstock::control
