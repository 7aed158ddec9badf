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

  private:
    using Key = std::pair<RowKind, std::string>;

    struct Kept {
        Revision revision;
        std::map<Key, std::optional<std::string>> before;  // what it changed, as that was
    };

    std::map<Key, std::string> rows_;
    std::deque<Kept> revisions_;
};

}  // namespace penstock::control
