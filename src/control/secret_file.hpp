// Files that hold secrets: read whole, bounded, and only where nobody else can; and what tells
// whether one has changed since.
//
// Any thread; blocking, so for small files alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <penstock/result.hpp>
#include <sys/stat.h>
#include <time.h>

#include "base/secret.hpp"

namespace penstock::control {

/// Two that are equal are of the same bytes, as far as the kernel tells.
class FileVersion {
  public:
    /// Empty where there is no such file, or it cannot be looked at.
    static std::optional<FileVersion> of(const std::string& path);
    static FileVersion of_status(const struct stat& status) noexcept;

    bool operator==(const FileVersion& other) const noexcept;
    /// False right after a change: another one within the same tick of the file system's clock
    /// would not show.
    bool is_settled() const noexcept;

  private:
    dev_t device_{};
    ino_t inode_{};
    off_t size_{};
    timespec written_{};
    timespec changed_{};
};

/// Who else may read a file without it being refused.
enum class FilePrivacy : std::uint8_t {
    open,     ///< anybody: certificates
    private_  ///< the owner and the group; others not, and the group may not write it: keys, tokens
};

struct SecretFile {
    SecretText text;
    FileVersion version;
};

/// A regular file of at most `most` bytes. The error says what is wrong, without the path.
Result<SecretFile> read_secret_file(const std::string& path, std::size_t most, FilePrivacy privacy);

}  // namespace penstock::control
