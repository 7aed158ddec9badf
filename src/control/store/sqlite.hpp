// SqliteStore: configuration in one SQLite file ("sqlite:PATH"), durable when commit() returns.
//
// Control thread only; a commit blocks it for a write to the disk. One process a file. WAL with
// synchronous=FULL: a commit is on the disk before it is acknowledged, and a crash anywhere leaves
// all of it or nothing (https://sqlite.org/wal.html). A failed commit changes nothing; the next one
// tries anew, on a new connection where the old one cannot be trusted any more. On a medium that is
// mounted read-only, what is stored can be read and every commit is refused.
#pragma once

#include <memory>
#include <optional>

#include "control/store/sqlite_database.hpp"
#include "control/store/store.hpp"
#include "control/store/store_file.hpp"

namespace penstock::control {

class SqliteStore final : public Store {
  public:
    /// Makes the file where there is none. Refuses, and leaves alone, one that another process
    /// uses, that is damaged, newer than this program, or of somebody else. `vfs`: SQLite's name of
    /// a file system, for tests; null: the default.
    static Result<std::unique_ptr<Store>> open(const std::string& path, const char* vfs = nullptr);

    Result<std::vector<Row>> rows(RowKind kind) override;
    Result<std::vector<Revision>> revisions() override;
    Result<std::vector<RowChange>> changes_back_to(std::uint64_t number) override;
    Result<void> commit(std::span<const RowChange> changes, const Revision* revision) override;
    Result<int> lend() override;
    Result<void> take_back() override;
    Result<void> begin_group() override;
    Result<void> end_group(bool keep) override;

  private:
    SqliteStore(StoreFile file, const char* vfs) : file_(std::move(file)), vfs_(vfs) {}

    /// Null: not to be trusted, or of before the file could be written to; connect() then.
    Result<void> connect();
    Result<std::unique_ptr<Database>> opened(bool to_write);
    Result<void> examine(Database& database) const;
    Result<void> agree(Database& database);
    Result<void> make_readable();
    Result<void> make_writable();
    int write(std::span<const RowChange> changes, const Revision* revision);
    int keep_revision(const Revision& revision);
    Failure<Error> failed(int code);
    Failure<Error> damaged(std::string_view how) const;

    StoreFile file_;  // before the connection: it is let go of last
    const char* vfs_;
    std::unique_ptr<Database> database_;
    bool writes_ = false;  // database_ may
    bool lent_ = false;
    /// The number of the last one that was acknowledged; empty before the first connection.
    std::optional<std::uint64_t> last_revision_;
    bool in_group_ = false;
    int group_code_ = 0;                           // SQLite's, of the group's first failure
    std::optional<std::uint64_t> group_revision_;  // last_revision_ once it has been kept
};

}  // namespace penstock::control
