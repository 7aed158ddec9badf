#include "control/store/sqlite_schema.hpp"

#include <array>

namespace penstock::control {

namespace {

// `rows` is the configuration; `undo` has, for each row that a revision changed, what it was before
// (null: it was not there). `sum` is a hash of kind, id and value.
constexpr const char* version_1 = R"(
    CREATE TABLE rows (
        kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL,
        PRIMARY KEY (kind, id)) STRICT;
    CREATE TABLE revisions (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, what TEXT NOT NULL, author TEXT NOT NULL
        ) STRICT;
    CREATE TABLE undo (
        revision INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT, sum INTEGER,
        PRIMARY KEY (revision, kind, id)) STRICT;
    PRAGMA application_id = 0x50656e73;
    PRAGMA user_version = 1;
)";

/// By the version that they lead away from.
constexpr std::array<const char*, schema_version> steps{version_1};

/// `code` is of what was done since BEGIN; its COMMIT's where that was well.
int end_transaction(Database& database, int code) noexcept {
    if (code == SQLITE_OK) code = database.execute("COMMIT");
    if (database.in_transaction()) database.execute("ROLLBACK");
    return code;
}

}  // namespace

int migrate(Database& database, std::uint32_t from) noexcept {
    if (from >= schema_version) return SQLITE_OK;
    int code = database.execute("BEGIN IMMEDIATE");
    for (std::uint32_t version = from; code == SQLITE_OK && version < schema_version; ++version)
        code = database.execute(steps[version]);
    return end_transaction(database, code);
}

int undo_after(Database& database, std::uint64_t revision) noexcept {
    int code = database.execute("BEGIN IMMEDIATE");
    const auto number = static_cast<std::int64_t>(revision);
    for (const char* sql : {
             "DELETE FROM rows WHERE EXISTS (SELECT 1 FROM undo WHERE undo.kind = rows.kind "
             "AND undo.id = rows.id AND revision > ?)",
             "INSERT INTO rows (kind, id, value, sum) SELECT kind, id, value, sum FROM "
             "(SELECT kind, id, value, sum, min(revision) FROM undo WHERE revision > ? "
             "GROUP BY kind, id) WHERE value IS NOT NULL",
             "DELETE FROM revisions WHERE number > ?",
             "DELETE FROM undo WHERE revision > ?",
         }) {
        if (code == SQLITE_OK) code = database.prepare(sql).run(number);
    }
    return end_transaction(database, code);
}

}  // namespace penstock::control
