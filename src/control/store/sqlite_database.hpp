// A connection to SQLite and its statements, closed at their end.
//
// One thread. Results are SQLite's own extended codes; SQLITE_OK is 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace penstock::control {

class Statement {
  public:
    /// Not valid() where the text does not fit the database.
    Statement(sqlite3* database, std::string_view sql) noexcept;

    bool valid() const noexcept { return statement_ != nullptr; }
    /// From the start with these values; runs to its end. They live until it returns.
    template <class... Values>
    int run(const Values&... values) noexcept {
        const int bound = bind_all(values...);
        const int code = bound == SQLITE_OK ? step() : bound;
        reset();
        return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
    }
    /// The values live until the last step().
    template <class... Values>
    int bind_all(const Values&... values) noexcept {
        reset();
        int code = valid() ? SQLITE_OK : SQLITE_ERROR;
        int place = 0;
        ((code = code == SQLITE_OK ? bind(++place, values) : code), ...);
        return code;
    }
    /// SQLITE_ROW, SQLITE_DONE, or what is wrong.
    int step() noexcept;
    void reset() noexcept;

    std::string text(int column) const;
    std::optional<std::string> text_or_null(int column) const;
    std::int64_t integer(int column) const noexcept;

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };

    int bind(int place, std::string_view text) noexcept;
    int bind(int place, std::int64_t number) noexcept;

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
  public:
    /// `flags` and `vfs` are sqlite3_open_v2()'s. Look at code() before anything else.
    Database(const std::string& name, int flags, const char* vfs) noexcept;

    /// Of opening it.
    int code() const noexcept { return code_; }
    int execute(const char* sql) noexcept;
    Statement prepare(std::string_view sql) noexcept { return {database_.get(), sql}; }
    /// The first column of the first row, as text; empty where there is none.
    std::string ask(std::string_view sql, int& code) noexcept;
    /// Closing it leaves the write-ahead log alone, or works it into the file.
    void keep_log_at_close(bool keep) noexcept;
    bool in_transaction() const noexcept { return sqlite3_get_autocommit(database_.get()) == 0; }

  private:
    struct Close {
        void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
    };

    std::unique_ptr<sqlite3, Close> database_;
    int code_ = SQLITE_OK;
};

}  // namespace penstock::control
