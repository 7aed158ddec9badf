#include "control/store/sqlite.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "control/store/sqlite_schema.hpp"
#include "control/uri.hpp"

namespace penstock::control {

namespace {

/// Of a row as a whole: a bit that the disk turned is found, whatever the text still means.
std::int64_t sum_of(std::string_view kind, std::string_view id, std::string_view value) noexcept {
    return std::bit_cast<std::int64_t>(
        hash_pair(hash_pair(hash_bytes(kind), hash_bytes(id)), hash_bytes(value)));
}

std::optional<RowKind> kind_of(std::string_view name) noexcept {
    const auto at = std::find(row_kind_names.begin(), row_kind_names.end(), name);
    if (at == row_kind_names.end()) return std::nullopt;
    return static_cast<RowKind>(at - row_kind_names.begin());
}

std::int64_t signed_of(std::uint64_t number) noexcept {
    return static_cast<std::int64_t>(number);
}

bool is_damage(int code) noexcept {
    const int kind = code & 0xff;
    return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
}

/// An absolute path, or one from here, as SQLite's URI that says that nobody changes the file.
std::string immutable_uri(const std::string& path) {
    return "file:" + percent_encode(path) + "?immutable=1";
}

constexpr const char* settings = R"(
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA synchronous = FULL;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA journal_size_limit = 16777216;
)";

}  // namespace

Result<std::unique_ptr<Store>> SqliteStore::open(const std::string& path, const char* vfs) {
    const auto fill = [vfs](const std::string& unnamed) -> Result<void> {
        Database database(unnamed, SQLITE_OPEN_READWRITE, vfs);
        int code = database.code();
        if (code == SQLITE_OK) code = database.execute("PRAGMA synchronous = FULL");
        if (code == SQLITE_OK) code = migrate(database, 0);
        if (code == SQLITE_OK) return {};
        return Failure{Error{fmt::format("{}: {}", unnamed, sqlite3_errstr(code))}};
    };
    auto file = StoreFile::open(path, fill);
    if (!file) return Failure{file.error()};
    std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(file).value(), vfs));
    if (auto connected = store->connect(); !connected) return Failure{connected.error()};
    return std::unique_ptr<Store>(std::move(store));
}

// --- the connection ---

Result<void> SqliteStore::connect() {
    database_.reset();
    if (lent_) return Failure{Error{file_.path() + ": a new process takes it over"}};
    if (!file_.is_held()) {
        if (auto taken = file_.take_again(); !taken) return taken;
    }
    if (!file_.still_there())
        return Failure{Error{file_.path() + ": another file has its name now; restart to use it"}};
    const StoreFile::Header header = file_.header();
    if (!header.is_database) return damaged("not a SQLite database");
    if (header.application != schema_application) {
        return Failure{Error{file_.path() +
                             ": a database of another program; name another file for the store"}};
    }
    const bool to_write = file_.writable();
    auto made = opened(to_write);
    if (!made) return Failure{made.error()};
    Database& database = **made;
    // What turns out to be damaged is left as it was found, its log too.
    database.keep_log_at_close(true);
    if (auto examined = examine(database); !examined) return examined;
    if (to_write) {
        if (const int code = migrate(database, header.schema); code != SQLITE_OK)
            return failed(code);
    }
    if (auto agreed = agree(database); !agreed) return agreed;
    database.keep_log_at_close(false);
    database_ = std::move(*made);
    writes_ = to_write;
    return {};
}

Result<std::unique_ptr<Database>> SqliteStore::opened(bool to_write) {
    if (!to_write && file_.has_log()) {
        return Failure{Error{file_.path() +
                             ": cannot be written to, and has changes in its -wal file that must "
                             "be worked in first: start once where it can"}};
    }
    auto made = to_write ? std::make_unique<Database>(file_.path(), SQLITE_OPEN_READWRITE, vfs_)
                         : std::make_unique<Database>(immutable_uri(file_.path()),
                                                      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, vfs_);
    int code = made->code();
    if (code == SQLITE_OK) code = made->execute(settings);
    if (code == SQLITE_OK && to_write) made->ask("PRAGMA journal_mode = WAL", code);
    if (code != SQLITE_OK) return failed(code);
    return made;
}

Result<void> SqliteStore::examine(Database& database) const {
    int code = SQLITE_OK;
    const std::string version = database.ask("PRAGMA user_version", code);
    if (code == SQLITE_OK && std::strtoul(version.c_str(), nullptr, 10) > schema_version) {
        return Failure{Error{fmt::format(
            "{}: written by a newer Penstock (schema {}, this one knows {}): run that one, or put "
            "back a copy from before",
            file_.path(), version, schema_version)}};
    }
    const std::string verdict = database.ask("PRAGMA quick_check(1)", code);
    if (code != SQLITE_OK) return damaged(sqlite3_errstr(code));
    if (verdict != "ok") return damaged(verdict.substr(0, verdict.find('\n')));
    return {};
}

/// After a commit whose failure left in doubt whether it is on the disk: it was refused, so it is
/// undone.
Result<void> SqliteStore::agree(Database& database) {
    int code = SQLITE_OK;
    const std::string newest = database.ask("SELECT max(number) FROM revisions", code);
    if (code != SQLITE_OK) return failed(code);
    const std::uint64_t found = std::strtoull(newest.c_str(), nullptr, 10);
    if (!last_revision_) last_revision_ = found;
    if (found == *last_revision_) return {};
    if (found < *last_revision_) return damaged("changes are missing");
    code = undo_after(database, *last_revision_);
    return code == SQLITE_OK ? Result<void>() : failed(code);
}

/// Closing the connection works its log into the file.
Result<int> SqliteStore::lend() {
    database_.reset();
    file_.let_go();
    lent_ = true;
    return -1;
}

Result<void> SqliteStore::take_back() {
    lent_ = false;
    return connect();
}

Result<void> SqliteStore::make_readable() {
    return database_ == nullptr ? connect() : Result<void>();
}

Result<void> SqliteStore::make_writable() {
    if (database_ != nullptr && writes_) return {};
    if (!file_.writable())
        return Failure{Error{"The store cannot be written to: " + file_.path() + " is read-only."}};
    return connect();
}

/// What is wrong with a connection may be gone with it.
Failure<Error> SqliteStore::failed(int code) {
    if (is_damage(code)) return damaged(sqlite3_errstr(code));
    const bool is_full = (code & 0xff) == SQLITE_FULL;
    return Failure{Error{fmt::format(
        "{}: {}", file_.path(), is_full ? "no space is left on its disk" : sqlite3_errstr(code))}};
}

Failure<Error> SqliteStore::damaged(std::string_view how) const {
    return Failure{Error{fmt::format(
        "{}: damaged ({}): put back a copy, or move it away, with its -wal file, to begin anew",
        file_.path(), how)}};
}

// --- rows ---

Result<std::vector<Row>> SqliteStore::rows(RowKind kind) {
    if (auto ready = make_readable(); !ready) return Failure{ready.error()};
    Statement select =
        database_->prepare("SELECT id, value, sum FROM rows WHERE kind = ? ORDER BY id");
    const std::string_view name = name_of(kind);
    int code = select.bind_all(name);
    std::vector<Row> found;
    while (code == SQLITE_OK && (code = select.step()) == SQLITE_ROW) {
        found.push_back({select.text(0), select.text(1)});
        if (select.integer(2) != sum_of(name, found.back().id, found.back().value)) {
            return damaged(
                fmt::format("the {} of \"{}\" is not what was written", name, found.back().id));
        }
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE) return failed(code);
    return found;
}

Result<std::vector<Revision>> SqliteStore::revisions() {
    if (auto ready = make_readable(); !ready) return Failure{ready.error()};
    Statement select =
        database_->prepare("SELECT number, at, what, author FROM revisions ORDER BY number");
    int code = select.bind_all();
    std::vector<Revision> found;
    while (code == SQLITE_OK && (code = select.step()) == SQLITE_ROW) {
        found.push_back({static_cast<std::uint64_t>(select.integer(0)),
                         static_cast<std::uint64_t>(select.integer(1)), select.text(2),
                         select.text(3)});
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE) return failed(code);
    return found;
}

Result<std::vector<RowChange>> SqliteStore::changes_back_to(std::uint64_t number) {
    if (auto ready = make_readable(); !ready) return Failure{ready.error()};
    // The first that changed a row after that revision found it as it was there; SQLite gives the
    // other columns of the row that min() picks.
    Statement select = database_->prepare(
        "SELECT kind, id, value, sum, min(revision) FROM undo WHERE revision > ? "
        "GROUP BY kind, id ORDER BY kind, id");
    int code = select.bind_all(signed_of(number));
    std::vector<RowChange> found;
    while (code == SQLITE_OK && (code = select.step()) == SQLITE_ROW) {
        const std::string name = select.text(0);
        const auto kind = kind_of(name);
        RowChange change{kind.value_or(RowKind::node), select.text(1), select.text_or_null(2)};
        if (!kind ||
            (change.value && select.integer(3) != sum_of(name, change.id, *change.value))) {
            return damaged(
                fmt::format("the old {} of \"{}\" is not what was written", name, change.id));
        }
        found.push_back(std::move(change));
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE) return failed(code);
    return found;
}

Result<void> SqliteStore::commit(std::span<const RowChange> changes, const Revision* revision) {
    if (!in_group_) {
        if (auto begun = begin_group(); !begun) return begun;
        auto written = commit(changes, revision);
        auto ended = end_group(written.has_value());
        return written ? ended : written;
    }
    if (group_code_ == SQLITE_OK) group_code_ = write(changes, revision);
    if (group_code_ != SQLITE_OK) return failed(group_code_);
    if (revision != nullptr) group_revision_ = revision->number;
    return {};
}

Result<void> SqliteStore::begin_group() {
    PENSTOCK_ASSERT(!in_group_);
    if (auto ready = make_writable(); !ready) return ready;
    in_group_ = true;
    group_revision_ = last_revision_;
    group_code_ = database_->execute("BEGIN IMMEDIATE");
    return group_code_ == SQLITE_OK ? Result<void>() : end_group(false);
}

Result<void> SqliteStore::end_group(bool keep) {
    PENSTOCK_ASSERT(in_group_);
    in_group_ = false;
    int code = group_code_;
    if (keep && code == SQLITE_OK) {
        code = database_->execute("COMMIT");
        if (code == SQLITE_OK) {
            last_revision_ = group_revision_;
            return {};
        }
    }
    auto outcome = code == SQLITE_OK ? Result<void>() : failed(code);
    if (database_->in_transaction()) database_->execute("ROLLBACK");
    // On a full disk nothing of the commit is there. After any other failure that is in doubt, and
    // a new connection settles it: now, for a restart must not find it, or else before the next.
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_FULL) {
        if (const auto connected = connect(); !connected) database_.reset();
    }
    return outcome;
}

int SqliteStore::write(std::span<const RowChange> changes, const Revision* revision) {
    // OR IGNORE: a row that one commit changes twice goes back to before the first of them.
    Statement remember = database_->prepare(
        "INSERT OR IGNORE INTO undo (revision, kind, id, value, sum) "
        "SELECT ?1, ?2, ?3, old.value, old.sum FROM (SELECT 1) "
        "LEFT JOIN (SELECT value, sum FROM rows WHERE kind = ?2 AND id = ?3) AS old");
    Statement put = database_->prepare(
        "INSERT INTO rows (kind, id, value, sum) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, sum = excluded.sum");
    Statement remove = database_->prepare("DELETE FROM rows WHERE kind = ?1 AND id = ?2");
    int code = SQLITE_OK;
    for (const RowChange& change : changes) {
        const std::string_view kind = name_of(change.kind);
        const std::string_view id = change.id;
        if (revision != nullptr) code = remember.run(signed_of(revision->number), kind, id);
        if (code == SQLITE_OK && change.value) {
            code =
                put.run(kind, id, std::string_view(*change.value), sum_of(kind, id, *change.value));
        } else if (code == SQLITE_OK) {
            code = remove.run(kind, id);
        }
        if (code != SQLITE_OK) return code;
    }
    return revision == nullptr ? code : keep_revision(*revision);
}

int SqliteStore::keep_revision(const Revision& revision) {
    int code =
        database_->prepare("INSERT INTO revisions (number, at, what, author) VALUES (?, ?, ?, ?)")
            .run(signed_of(revision.number), signed_of(revision.unix_ms),
                 std::string_view(revision.what), std::string_view(revision.by));
    if (revision.number <= kept_revisions) return code;
    const std::int64_t last_to_go = signed_of(revision.number - kept_revisions);
    for (const char* sql :
         {"DELETE FROM revisions WHERE number <= ?", "DELETE FROM undo WHERE revision <= ?"}) {
        if (code == SQLITE_OK) code = database_->prepare(sql).run(last_to_go);
    }
    return code;
}

}  // namespace penstock::control
