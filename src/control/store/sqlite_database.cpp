#include "control/store/sqlite_database.hpp"

namespace penstock::control {

Statement::Statement(sqlite3* database, std::string_view sql) noexcept {
    sqlite3_stmt* made = nullptr;
    sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr);
    statement_.reset(made);
}

int Statement::step() noexcept {
    return sqlite3_step(statement_.get());
}

void Statement::reset() noexcept {
    sqlite3_reset(statement_.get());
}

std::string Statement::text(int column) const {
    return text_or_null(column).value_or(std::string());
}

std::optional<std::string> Statement::text_or_null(int column) const {
    const unsigned char* const bytes = sqlite3_column_text(statement_.get(), column);
    if (bytes == nullptr) return std::nullopt;
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return std::string(reinterpret_cast<const char*>(bytes), size);
}

std::int64_t Statement::integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.get(), column);
}

int Statement::bind(int place, std::string_view text) noexcept {
    // SQLITE_STATIC is a null pointer: no copy is made.
    return sqlite3_bind_text64(statement_.get(), place, text.data(), text.size(), nullptr,
                               SQLITE_UTF8);
}

int Statement::bind(int place, std::int64_t number) noexcept {
    return sqlite3_bind_int64(statement_.get(), place, number);
}

Database::Database(const std::string& name, int flags, const char* vfs) noexcept {
    sqlite3* made = nullptr;
    code_ = sqlite3_open_v2(name.c_str(), &made, flags | SQLITE_OPEN_NOMUTEX, vfs);
    database_.reset(made);
    sqlite3_extended_result_codes(made, 1);
}

int Database::execute(const char* sql) noexcept {
    return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
}

std::string Database::ask(std::string_view sql, int& code) noexcept {
    Statement statement = prepare(sql);
    if (!statement.valid()) {
        code = sqlite3_extended_errcode(database_.get());
        return {};
    }
    code = statement.step();
    if (code != SQLITE_ROW) return {};
    code = SQLITE_OK;
    return statement.text(0);
}

void Database::keep_log_at_close(bool keep) noexcept {
    sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

}  // namespace penstock::control
