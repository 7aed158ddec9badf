// The tables of a SqliteStore, version by version.
//
// Pure functions of a connection. A file of an earlier version is brought to the present one in one
// transaction, when it is opened.
#pragma once

#include <cstdint>

#include "control/store/sqlite_database.hpp"

namespace penstock::control {

/// PRAGMA application_id of our files: "Pens".
inline constexpr std::uint32_t schema_application = 0x50656e73;
/// PRAGMA user_version that this program writes.
inline constexpr std::uint32_t schema_version = 1;

/// Brings the file from that version to schema_version. SQLite's code.
int migrate(Database& database, std::uint32_t from) noexcept;

/// Takes every row back to where it was right after that revision and forgets those that came
/// later. SQLite's code.
int undo_after(Database& database, std::uint64_t revision) noexcept;

}  // namespace penstock::control
