// Store: where the configuration lives when the process does not.
//
// Control thread only. To a store everything is rows: a kind, an id and a text, which stored_rows
// makes and reads. A change is answered after commit() has returned: what it promised to keep must
// then survive kill -9 and power loss, as far as the kind of store can. commit() with a revision
// also keeps how to undo it, for the last kept_revisions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

namespace penstock::control {

enum class RowKind : std::uint8_t {
    route,          ///< by vHost: JSON, secrets included
    certificate,    ///< by domain and kind of key: JSON, the key included
    maintenance,    ///< by vHost: a JSON array of host:port
    auth_provider,  ///< by id: JSON, hashes included
    process,        ///< one row: the document's section, JSON
    node,           ///< what this process keeps for itself: no part of the configuration
};

inline constexpr std::array<std::string_view, 6> row_kind_names{
    "route", "certificate", "maintenance", "auth provider", "process", "node"};

constexpr std::string_view name_of(RowKind kind) noexcept {
    return row_kind_names[static_cast<std::size_t>(kind)];
}

struct Row {
    std::string id;
    std::string value;

    bool operator==(const Row&) const = default;
};

/// The row becomes `value`, or goes where there is none.
struct RowChange {
    RowKind kind = RowKind::route;
    std::string id;
    std::optional<std::string> value;

    bool operator==(const RowChange&) const = default;
};

/// One change of the configuration, for those who ask later.
struct Revision {
    std::uint64_t number = 0;   ///< from 1, one more each time
    std::uint64_t unix_ms = 0;  ///< when
    std::string what;
    std::string by;

    bool operator==(const Revision&) const = default;
};

class Store {
  public:
    static constexpr std::uint64_t kept_revisions = 100;

    virtual ~Store() = default;

    /// Every row of a kind as last committed, by id.
    virtual Result<std::vector<Row>> rows(RowKind kind) = 0;

    /// The last of them, oldest first.
    virtual Result<std::vector<Revision>> revisions() = 0;

    /// What takes every row back to where it was right after that revision, which is one of
    /// revisions().
    virtual Result<std::vector<RowChange>> changes_back_to(std::uint64_t number) = 0;

    /// All of the changes or none; in turn, where several are of one row. `revision`: null for what
    /// is no change of the configuration, else numbered one after the last.
    virtual Result<void> commit(std::span<const RowChange> changes, const Revision* revision) = 0;

    /// For the process that takes this one's place: it may open the store now; here everything
    /// fails until take_back(). Gives a descriptor of the content (the caller's) where that lives
    /// in memory alone, else -1.
    virtual Result<int> lend() = 0;
    /// That process has ended. What it committed to the configuration meanwhile is undone.
    virtual Result<void> take_back() = 0;

    /// From here to end_group() commits are one: rows() shows them, but nothing of them is kept
    /// before that.
    virtual Result<void> begin_group() = 0;
    /// Keeps all of them or, where that fails or `keep` is false, none. `keep` only where each has
    /// gone well.
    virtual Result<void> end_group(bool keep) = 0;
};

}  // namespace penstock::control
