// A file system for SQLite that knows what a power loss would leave: what was synced for sure, of
// what was written since any part.
//
// Forwards everything to the default one. One at a time, one thread.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "base/random.hpp"

namespace penstock::control {

class PowerLoss {
  public:
    static constexpr const char* name = "power-loss";
    using Disk = std::map<std::string, std::string>;  // content by file name

    PowerLoss() {
        current = this;
        sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
        vfs_ = *real;
        vfs_.zName = name;
        vfs_.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
        vfs_.xOpen = &open;
        vfs_.xDelete = &remove;
        sqlite3_vfs_register(&vfs_, 0);
    }
    PowerLoss(const PowerLoss&) = delete;
    PowerLoss& operator=(const PowerLoss&) = delete;
    ~PowerLoss() {
        sqlite3_vfs_unregister(&vfs_);
        current = nullptr;
    }

    /// Nothing but what was synced.
    Disk synced() const {
        Disk disk;
        for (const auto& [path, state] : files_) disk[path] = state.synced;
        return disk;
    }
    /// That, and of each later write nothing, all, or its first sectors.
    Disk surviving(Random& random) const {
        Disk disk = synced();
        for (const auto& [path, state] : files_) {
            for (const Change& change : state.unsynced) {
                Change kept = change;
                const std::uint64_t fate = random.below(3);
                if (fate == 0) continue;
                if (fate == 1) kept.bytes.resize(random.below(1 + change.bytes.size() / 512) * 512);
                apply(kept, disk[path]);
            }
        }
        return disk;
    }
    static void write(const Disk& disk, const std::filesystem::path& folder) {
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        for (const auto& [path, content] : disk) {
            std::ofstream(folder / std::filesystem::path(path).filename(), std::ios::binary)
                << content;
        }
    }

    /// Called before each write and sync.
    std::function<void()> before_change = [] {};
    /// What the next writes, or syncs, give instead of being done; SQLITE_OK: they are done.
    int write_code = SQLITE_OK;
    int sync_code = SQLITE_OK;

  private:
    struct Change {
        std::size_t offset = 0;
        std::string bytes{};
        bool is_truncation = false;
    };
    struct State {
        std::string synced;
        std::vector<Change> unsynced;
    };
    struct File {
        sqlite3_file base;
        State* state;
    };

    static sqlite3_file* real_of(sqlite3_file* file) {
        return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(File));
    }
    static State& state_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->state; }

    static void apply(const Change& change, std::string& content) {
        if (change.is_truncation) {
            content.resize(change.offset);
            return;
        }
        content.resize(std::max(content.size(), change.offset + change.bytes.size()));
        content.replace(change.offset, change.bytes.size(), change.bytes);
    }

    static int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* given) {
        static const sqlite3_io_methods methods = make_methods();
        sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
        std::memset(file, 0, sizeof(File));
        const int code = real->xOpen(real, path, real_of(file), flags, given);
        if (code != SQLITE_OK) return code;
        const std::string known = path == nullptr ? "" : path;
        if (!current->files_.contains(known)) {
            std::ifstream there(known, std::ios::binary);
            current->files_[known] = {std::string(std::istreambuf_iterator<char>(there), {}), {}};
        }
        file->pMethods = &methods;
        reinterpret_cast<File*>(file)->state = &current->files_[known];
        return code;
    }
    static int remove(sqlite3_vfs*, const char* path, int sync) {
        current->files_.erase(path);
        sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
        return real->xDelete(real, path, sync);
    }
    static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
        current->before_change();
        if (current->write_code != SQLITE_OK) return current->write_code;
        state_of(file).unsynced.push_back(
            {static_cast<std::size_t>(offset),
             std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size))});
        return real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset);
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        state_of(file).unsynced.push_back({static_cast<std::size_t>(size), {}, true});
        return real_of(file)->pMethods->xTruncate(real_of(file), size);
    }
    static int sync(sqlite3_file* file, int flags) {
        current->before_change();
        if (current->sync_code != SQLITE_OK) return current->sync_code;
        State& state = state_of(file);
        for (const Change& change : state.unsynced) apply(change, state.synced);
        state.unsynced.clear();
        return real_of(file)->pMethods->xSync(real_of(file), flags);
    }

    /// The members that only pass on. No memory mapping: writes would not be seen.
    static sqlite3_io_methods make_methods() {
        sqlite3_io_methods m{};
        m.iVersion = 2;
        m.xClose = [](sqlite3_file* f) { return real_of(f)->pMethods->xClose(real_of(f)); };
        m.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
            return real_of(f)->pMethods->xRead(real_of(f), to, size, at);
        };
        m.xWrite = &write;
        m.xTruncate = &truncate;
        m.xSync = &sync;
        m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
            return real_of(f)->pMethods->xFileSize(real_of(f), size);
        };
        m.xLock = [](sqlite3_file* f, int how) {
            return real_of(f)->pMethods->xLock(real_of(f), how);
        };
        m.xUnlock = [](sqlite3_file* f, int how) {
            return real_of(f)->pMethods->xUnlock(real_of(f), how);
        };
        m.xCheckReservedLock = [](sqlite3_file* f, int* is) {
            return real_of(f)->pMethods->xCheckReservedLock(real_of(f), is);
        };
        m.xFileControl = [](sqlite3_file* f, int what, void* with) {
            return real_of(f)->pMethods->xFileControl(real_of(f), what, with);
        };
        m.xSectorSize = [](sqlite3_file* f) {
            return real_of(f)->pMethods->xSectorSize(real_of(f));
        };
        m.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
        m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** to) {
            return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, to);
        };
        m.xShmLock = [](sqlite3_file* f, int at, int count, int flags) {
            return real_of(f)->pMethods->xShmLock(real_of(f), at, count, flags);
        };
        m.xShmBarrier = [](sqlite3_file* f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); };
        m.xShmUnmap = [](sqlite3_file* f, int erase) {
            return real_of(f)->pMethods->xShmUnmap(real_of(f), erase);
        };
        return m;
    }

    static inline PowerLoss* current = nullptr;

    sqlite3_vfs vfs_{};
    std::map<std::string, State> files_;
};

}  // namespace penstock::control
