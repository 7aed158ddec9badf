// StoreFile: the file of a store, held by one process at a time: made, locked, looked at.
//
// One owner. What it says of a file, it says without changing it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <penstock/result.hpp>

namespace penstock::control {

class StoreFile {
  public:
    /// Takes the file; where there is none, makes it, and the folders that are missing, for this
    /// user alone. It appears under its name only when `fill` has written it under another. The
    /// error names the path.
    using Fill = std::function<Result<void>(const std::string& path)>;
    static Result<StoreFile> open(const std::string& path, const Fill& fill);

    StoreFile(StoreFile&& other) noexcept;
    StoreFile& operator=(StoreFile&&) = delete;
    ~StoreFile();

    const std::string& path() const noexcept { return path_; }
    /// Another process may take it now, until take_again() has.
    void let_go() noexcept;
    Result<void> take_again();
    bool is_held() const noexcept { return fd_ >= 0; }

    /// False on a medium that is mounted read-only, and where this user may not write.
    bool writable() const noexcept;
    /// False when its name has been given to another file meanwhile, or to none.
    bool still_there() const noexcept;
    /// The write-ahead log has bytes.
    bool has_log() const noexcept;

    /// What SQLite's header says (https://sqlite.org/fileformat.html, 1.3).
    struct Header {
        bool is_database = false;
        std::uint32_t schema = 0;       // PRAGMA user_version
        std::uint32_t application = 0;  // PRAGMA application_id
    };
    Header header() const noexcept;

  private:
    StoreFile(std::string path, int fd) noexcept : path_(std::move(path)), fd_(fd) {}

    static Result<StoreFile> take(const std::string& path);
    static Result<StoreFile> make(const std::string& path, const Fill& fill);
    static Result<void> lock(int fd, const std::string& path);

    std::string path_;
    int fd_ = -1;  // holds the lock (flock(2)); SQLite's own are another kind
};

/// The folder that a path stands in.
std::string folder_of(const std::string& path);

}  // namespace penstock::control
